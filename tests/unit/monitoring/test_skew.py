"""What was served and what training makes of the same rows: equal, different and why, or not to be told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.registry import small
from tests.unit.serving.log.batches import batch
from tests.unit.serving.models.test_registered import publish, write_ages
from tests.unit.serving.tiny import until
from workbench.data.columns import Columns
from workbench.monitoring.skew import SkewResult, measure_skew, sample_logged
from workbench.monitoring.skew.comparing import differs, values_of
from workbench.project import Project, open_project
from workbench.registry.promotion import promote
from workbench.serving import start
from workbench.serving.log.batch import Batch
from workbench.serving.log.compact import compact
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.models.registered import RegisteredModels
from workbench.serving.protocol.schema import RequestSchema
from workbench.serving.settings import Settings

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HELPERS = """
import pandas as pd
from workbench.data.features import Feature, MemorySpec

MEMORY = {"ages": MemorySpec("colour", ("age",), pd.Timedelta("40D"))}
REQUEST = {"size": "number", "colour": "category", "owner": "category"}


def build(rows, memory, asked_at):
    found = memory["ages"].lookup(rows["colour"], asked_at)
    return pd.DataFrame({
        "size": rows["size"] * 2,
        "age": found["age"],
        "colour": rows["colour"].fillna("missing"),
        "initial": rows["owner"].str[0],
    })
"""
CATALOGUE = """
FEATURES = tuple(
    Feature(name, "number", "", "", "", inputs)
    for name, inputs in {"size": ("orders.size",), "initial": ("orders.owner",)}.items()
)
"""


class Shop:
    """A project that served, and whose code and data may have changed since."""

    def __init__(self, root: Path) -> None:
        small.small_project(root)
        path = root / "workbench.toml"
        path.write_text(path.read_text().replace("[model]\n", '[model]\nmemory = ["ages"]\n'))
        self._helpers = root / "notebooks" / "helpers.py"
        self._plain = self._helpers.read_text()
        self.path, self._changes = path, 0
        self.change()
        self.learn(20.0, 30.0)

    @property
    def project(self) -> Project:
        return open_project(self.path.parent)

    def change(self, old: str = "", new: str = "", more: str = "") -> None:
        """Other code from now on."""
        assert old in HELPERS
        self._helpers.write_text(self._plain + HELPERS.replace(old, new) + more)
        # Bytecode that is kept goes by the second and the size.
        self._changes += 1
        os.utime(self._helpers, (self._changes, self._changes))
        sys.modules.pop("helpers", None)

    def learn(self, *ages: float) -> None:
        """Another version of the memory: how old red is from today on, tomorrow, …"""
        run_id = f"{len(ages):032d}"
        write_ages(self.project, run_id, *ages)
        publish(self.project, run_id, "finished")

    def serve(self, rows: pd.DataFrame, **changed: Any) -> pd.DataFrame:
        """The log of these rows, as the server would have written it now."""
        features = RegisteredModels(self.project, Settings(str(self.path.parent), "")).features()
        request = RequestSchema({"size": "number", "colour": "category", "owner": "category"})
        asked_at = np.repeat(np.datetime64("2026-07-02T13:00:00", "us"), len(rows))
        inputs = request.columns_of(rows)
        frame = features.frame(request, inputs, asked_at)
        served: Columns = {str(name): values_of(frame[name]) for name in frame}
        count = len(rows)
        batch = Batch(
            prediction_ids=[f"p-{number}" for number in range(count)],
            asked_at=asked_at,
            inputs={**inputs, **changed.get("inputs", {})},
            features={**served, **changed.get("features", {})},
            outputs=np.linspace(0, 1, count),
            classes=(),
            model="tiny",
            version=1,
            role="champion",
            code_version="",
            run_id="r",
            datasets=changed.get("datasets", {"prepared": 7, **features.versions}),
            latency_ms=np.ones(count, "float32"),
            request_ids=[""] * count,
            user_groups=[""] * count,
            notes={},
        )
        writer = SqliteWriter(self.path.parent / "log", "test")
        writer.append([batch])
        writer.close()
        return PredictionLog(self.path.parent / "log").read()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield Shop(tmp_path / "shop")
    sys.modules.pop("helpers", None)


def rows(count: int = 4) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": [float(number) if number % 4 else np.nan for number in range(count)],
            "colour": [("red", None, "blue", "red")[number % 4] for number in range(count)],
            "owner": [("Ada", "Bob")[number % 2] for number in range(count)],
        }
    )


def judged(result: SkewResult, feature: str) -> Any:
    return next(item for item in result.judgements if item.feature == feature)


def signal(result: SkewResult, name: str) -> Any:
    return next(item for item in result.signals() if item.name == f"skew.{name}")


def test_the_same_code_and_data_are_equal_to_the_digit(shop: Shop) -> None:
    result = measure_skew(shop.project, shop.serve(rows()))
    assert (result.verdict, result.share, result.rows, result.skewed) == ("equal", 0.0, 4, ())
    assert {item.verdict for item in result.judgements} == {"equal"}
    assert {item.verdict for item in result.signals()} == {"ok"}


@pytest.mark.server
@pytest.mark.practice("L7", "P7")
def test_a_real_server_has_no_skew_until_its_project_changes(shop: Shop) -> None:
    shop.change('"initial": rows["owner"].str[0],', "")
    small.register(small.start(shop.project))
    promote(shop.project, 1, reason="the first")
    with start(shop.project) as server:
        until(lambda: server.health().champion == 1)
        server.predict(rows())
    logged = sample_logged(server.log)
    assert measure_skew(shop.project, logged).verdict == "equal"
    shop.change('"size": rows["size"] * 2', '"size": rows["size"] * 3')
    assert measure_skew(shop.project, logged).skewed == ("size",)


def test_other_code_is_found_with_its_example(shop: Shop) -> None:
    logged = shop.serve(rows())
    shop.change('rows["size"] * 2', 'rows["size"].fillna(0) * 2.5')
    result = measure_skew(shop.project, logged)
    found = judged(result, "size")
    assert (found.verdict, found.rows, found.differing, found.code, found.later) == ("skewed", 4, 4, 4, 0)
    assert (found.largest, found.prediction_id) == (1.5, "p-3")
    assert (found.served, found.training) == ("6.0", "7.5")
    assert found.note == "4 of 4 rows differ: 4 because the code differs"
    assert (result.verdict, result.share) == ("skewed", 0.25)
    assert (signal(result, "share").verdict, signal(result, "feature.size").value) == ("bad", 1.0)
    table = result.features.set_index("feature")
    assert table.loc["size", "share"] == 1.0
    assert table.loc["age", "verdict"] == "equal"


@pytest.mark.practice("P7")
def test_data_that_arrived_later_is_told_from_other_code(shop: Shop) -> None:
    logged = shop.serve(rows())
    shop.learn(20.0, 30.0, 99.0)  # of the day after
    assert measure_skew(shop.project, logged).verdict == "equal"
    shop.learn(20.0, 35.0, 99.0, 99.0)  # of a time that had passed
    found = judged(measure_skew(shop.project, logged), "age")
    assert (found.verdict, found.differing, found.later, found.code) == ("skewed", 2, 2, 0)
    assert (found.served, found.training) == ("30.0", "35.0")
    assert "because data arrived later" in found.note
    shop.change('found["age"]', 'found["age"] + 1')
    both = judged(measure_skew(shop.project, logged), "age")
    assert (both.differing, both.later, both.code) == (2, 0, 2)


def test_a_little_late_data_is_told_and_calls_nobody(shop: Shop) -> None:
    asked = rows(400).assign(colour=["red"] * 4 + ["blue"] * 396)
    logged = shop.serve(asked)
    shop.learn(20.0, 35.0, 99.0)
    result = measure_skew(shop.project, logged)
    assert (result.verdict, judged(result, "age").later) == ("equal", 4)
    assert "data arrived later" in signal(result, "feature.age").says


def test_what_the_server_looked_up_and_is_gone_leaves_the_cause_open(shop: Shop) -> None:
    logged = shop.serve(rows(), datasets={"ages": 99})
    shop.learn(20.0, 35.0, 99.0)
    found = judged(measure_skew(shop.project, logged), "age")
    assert (found.verdict, found.later, found.code) == ("skewed", 0, 0)
    assert "2 for reasons that are not known" in found.note
    silent = measure_skew(shop.project, logged.drop(columns="datasets"))
    assert judged(silent, "age").verdict == "skewed"


def test_categories_and_missing_values_have_to_agree_exactly(shop: Shop) -> None:
    logged = shop.serve(rows())
    shop.change('.fillna("missing")', '.str.replace("red", "Red")')
    found = judged(measure_skew(shop.project, logged), "colour")
    assert (found.differing, found.verdict) == (3, "skewed")
    assert np.isnan(found.largest)
    assert (found.served, found.training) == ("red", "Red")


def test_a_feature_of_one_side_only_is_told(shop: Shop) -> None:
    logged = shop.serve(rows())
    shop.change('"age": found["age"]', '"years": found["age"]')
    result = measure_skew(shop.project, logged)
    assert judged(result, "age").note == "the training path does not have it"
    assert judged(result, "years").note == "the log does not have it"
    assert {judged(result, name).verdict for name in ("age", "years")} == {"inconclusive"}
    assert result.verdict == "equal"


@pytest.mark.parametrize(
    ("catalogue", "says", "verdict"),
    [(CATALOGUE, "it is made of 'owner'", "skewed"), ("", "it may be made of 'owner'", "inconclusive")],
)
def test_what_is_made_of_personal_columns_is_not_judged(
    shop: Shop, catalogue: str, says: str, verdict: str
) -> None:
    text = shop.path.read_text() + '\n[serving]\npersonal = ["owner"]\n'
    shop.path.write_text(text)
    shop.change(more=catalogue)
    pseudonyms = np.array(["p-1", "p-2"] * 2, dtype=object)
    logged = shop.serve(rows(), inputs={"owner": pseudonyms})
    result = measure_skew(shop.project, logged)
    assert judged(result, "initial").verdict == "inconclusive"
    assert says in judged(result, "initial").note
    assert result.verdict == "equal"
    shop.change('rows["size"] * 2', 'rows["size"] * 3', more=catalogue)
    assert judged(measure_skew(shop.project, logged), "size").verdict == verdict


def test_rows_that_training_cannot_build_are_counted_and_the_others_compared(shop: Shop) -> None:
    logged = shop.serve(rows(64))
    refuses = 'assert not (rows["size"] == 3).any(), "no threes"'
    shop.change("    found = memory", f"    {refuses}\n    found = memory")
    result = measure_skew(shop.project, logged)
    assert (result.unbuilt, result.verdict) == (1, "equal")
    assert judged(result, "size").rows == 63
    assert result.note == "the training path could not build 1 of 64 rows: AssertionError: no threes"
    assert result.note in signal(result, "share").says


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    found = memory", '    raise RuntimeError("on strike")\n    found = memory'),
        ("return pd.DataFrame({", "return pd.DataFrame({'x': [1, 2, 3]}) if True else ({"),
        ('MEMORY = {"ages"', 'MEMORY = {"sizes"'),
        ("REQUEST = {", "REQUEST = None and {"),
        ("import pandas as pd", "import pandas_of_tomorrow as pd"),
    ],
)
def test_a_training_path_that_does_not_work_is_no_verdict(shop: Shop, old: str, new: str) -> None:
    logged = shop.serve(rows())
    shop.change(old, new)
    result = measure_skew(shop.project, logged)
    assert (result.verdict, {item.verdict for item in result.signals()}) == ("inconclusive", {"inconclusive"})
    assert result.note
    assert np.isnan(result.share)


def test_without_rows_inputs_or_features_there_is_nothing_to_say(shop: Shop) -> None:
    logged = shop.serve(rows())
    without: Callable[[str], pd.DataFrame] = lambda prefix: logged[  # noqa: E731
        [name for name in logged if not name.startswith(prefix)]
    ]
    for given in (pd.DataFrame(), logged.iloc[:0], without("input."), without("feature.")):
        result = measure_skew(shop.project, given)
        assert (result.verdict, result.rows) == ("inconclusive", len(given))
        assert SkewResult.from_dict(result.to_dict()).note == result.note


def test_a_result_is_told_as_json_and_back(shop: Shop) -> None:
    logged = shop.serve(rows())
    shop.change('rows["size"] * 2', 'rows["size"] * 3')
    result = measure_skew(shop.project, logged)
    again = SkewResult.from_dict(json.loads(json.dumps(result.to_dict())))
    pd.testing.assert_frame_equal(again.features, result.features)
    assert (again.verdict, again.share, again.note) == (result.verdict, result.share, result.note)


@pytest.mark.parametrize(
    ("served", "training", "wanted"),
    [
        ([1.0, np.nan, np.inf, -np.inf, 0.0], [1.0 + 1e-12, np.nan, np.inf, np.inf, 1e-300], [0, 0, 0, 1, 1]),
        ([1e9, 1e9], [1e9 + 0.5, 1e9 + 2], [0, 1]),
        ([1.0, np.nan], pd.array([1, None], "Int64"), [0, 0]),
        ([1.0, 0.0], [True, False], [0, 0]),
        ([np.nan, np.nan], ["a", None], [1, 0]),
        (["1545", "x"], [1545.0, np.nan], [1, 1]),
        (["a", None], pd.Categorical(["a", None]), [0, 0]),
        (pd.to_datetime(["2026-01-01T00:00Z", None]), pd.to_datetime(["2026-01-01", None]), [0, 0]),
        (["(1, 2)", "b"], [(1, 2), ["b"]], [0, 1]),
    ],
)
def test_values_of_every_kind_are_compared(served: Any, training: Any, wanted: list[int]) -> None:
    found = differs(values_of(pd.Series(served)), values_of(pd.Series(training)))
    assert found.astype(int).tolist() == wanted


def test_a_sample_is_the_same_before_and_after_compaction_and_other_with_another_seed(shop: Shop) -> None:
    asked = rows(3000)
    shop.serve(asked)
    log = PredictionLog(shop.path.parent / "log")
    drawn = [set(sample_logged(log, rows=50, seed=seed)["prediction_id"]) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 50
    compact(log)
    frame = sample_logged(log, rows=50)
    assert set(frame["prediction_id"]) == drawn[0]
    assert {"input.owner", "feature.initial", "datasets"} <= set(frame.columns)
    assert len(sample_logged(log, rows=9999)) == 3000
    assert sample_logged(log, role="shadow").empty


def test_of_very_many_only_stretches_are_read_and_the_sample_is_always_the_same(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path / "log", "test")
    for hour in range(100):
        writer.append([_hourly(hour)])
    writer.close()
    log, end = PredictionLog(tmp_path / "log"), NOON + timedelta(hours=100)
    drawn = [sample_logged(log, NOON, end, rows=50, of=20_000) for _ in range(2)]
    whole = sample_logged(log, NOON, end, rows=50)
    assert len(drawn[0]) == len(whole) == 50
    assert drawn[0].equals(drawn[1])
    hours = drawn[0]["asked_at"].dt.floor("h")
    assert hours.nunique() > 15  # spread over the whole


def test_who_is_asked_at_some_hours_of_the_day_only_is_sampled_all_the_same(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path / "log", "test")
    for day in range(24):  # as many as stretches are read
        writer.append([_hourly(24 * day + 21), _hourly(24 * day + 22)])
    writer.close()
    log, end = PredictionLog(tmp_path / "log"), NOON + timedelta(days=24)
    drawn = sample_logged(log, NOON, end, rows=50, of=9_600)
    assert len(drawn) == 50
    assert drawn["asked_at"].dt.floor("D").nunique() > 2


def _hourly(hour: int) -> Batch:
    asked_at = np.datetime64(NOON.replace(tzinfo=None), "us") + np.arange(200) * np.timedelta64(18_000, "ms")
    return batch(hour, rows=200, asked_at=asked_at + np.timedelta64(hour, "h"))
