"""The split by time."""

from __future__ import annotations

import pandas as pd
import pytest

from flights.splitting import PARTS, cut_off, split_by_time, split_summary, thinned
from workbench.errors import DataError


def times(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), utc=True))


# New York's midnight of 1 July is 04:00 UTC.
CASES = {
    ("2013-06-03 03:59", "2013-06-03 09:00"): "train",
    ("2013-06-03 04:00", "2013-06-03 09:00"): "develop",
    ("2013-06-30 20:00", "2013-07-01 03:59"): "develop",
    ("2013-06-30 20:00", "2013-07-01 04:00"): "unknown_then",
    ("2013-07-01 03:59", "2013-07-01 09:00"): "unknown_then",
    ("2013-07-01 04:00", "2013-07-01 09:00"): "validate",
    ("2013-08-01 03:59", "2013-08-01 09:00"): "validate",
    ("2013-08-01 04:00", "2013-08-01 09:00"): "later",
}


@pytest.mark.practice("P12", "L3")
def test_each_side_of_each_boundary() -> None:
    asked, landed = times(*[asked for asked, _ in CASES]), times(*[landed for _, landed in CASES])
    assert split_by_time(asked, landed, "2013-07-01").tolist() == list(CASES.values())


@pytest.mark.practice("P12")
@pytest.mark.parametrize("as_of", ["2013-03-05", "2013-03-10", "2013-03-14"])
def test_nothing_that_is_learnt_from_was_unknown_at_the_cut_off(cleaned: pd.DataFrame, as_of: str) -> None:
    part = split_by_time(cleaned["asked_at"], cleaned["landed_at"], as_of)
    learnt, judged = cleaned[part.isin(["train", "develop"])], cleaned[part == "validate"]
    assert learnt["landed_at"].max() < cut_off(as_of) <= judged["asked_at"].min()
    unknown = cleaned[part == "unknown_then"]
    assert len(unknown) > 0
    assert (unknown["asked_at"] < cut_off(as_of)).all()
    assert (unknown["landed_at"] >= cut_off(as_of)).all()


def test_winter_and_summer_have_their_own_midnight() -> None:
    assert str(cut_off("2013-03-01")) == "2013-03-01 05:00:00+00:00"
    assert str(cut_off("2013-04-01")) == "2013-04-01 04:00:00+00:00"


def test_the_month_after_is_the_calendars() -> None:
    asked = times("2013-01-20 12:00", "2013-01-31 12:00", "2013-02-28 04:59", "2013-02-28 05:01")
    part = split_by_time(asked, asked + pd.Timedelta(hours=5), "2013-01-31")
    assert part.tolist() == ["develop", "validate", "validate", "later"]


@pytest.mark.parametrize(
    ("as_of", "said"), [("2012-12-01", "known before"), ("2014-06-01", "asked about after")]
)
def test_a_cut_off_outside_the_data_is_refused(cleaned: pd.DataFrame, as_of: str, said: str) -> None:
    with pytest.raises(
        DataError, match=f"as_of {as_of}: no flight was {said} it; the flights span 2013-03-01"
    ):
        split_by_time(cleaned["asked_at"], cleaned["landed_at"], as_of)


def test_the_summary_is_in_order_of_time(cleaned: pd.DataFrame) -> None:
    split = split_by_time(cleaned["asked_at"], cleaned["landed_at"], "2013-03-10")
    summary = split_summary(cleaned.assign(split=split))
    assert summary.index.tolist() == [part for part in PARTS if part in set(split)]
    assert summary["flights"].sum() == len(cleaned)
    assert summary.loc["validate", "late_share"] == cleaned.loc[split == "validate", "late"].mean()


def test_thinning_draws_only_from_what_is_learnt_from(cleaned: pd.DataFrame) -> None:
    early = cleaned["asked_at"] < cleaned["asked_at"].median()
    prepared = cleaned.assign(split=early.map({True: "train", False: "develop"}))
    few = thinned(prepared, 40, seed=1)
    assert few["split"].value_counts().to_dict() == prepared["split"].value_counts().to_dict() | {"train": 40}
    assert few.index.tolist() == thinned(prepared, 40, seed=1).index.tolist()
    assert few.index.tolist() != thinned(prepared, 40, seed=2).index.tolist()
    assert len(thinned(prepared, None, seed=1)) == len(thinned(prepared, 10**6, seed=1)) == len(prepared)
