"""Model cards: what stands on them, from the stores, whatever the data holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pandas as pd
import pytest

from tests.pages import HOSTILE, parse, shown
from tests.unit.registry import carded, small
from workbench.errors import RegistryError, UnknownName
from workbench.project import Project, open_project
from workbench.registry import approvals, promotion, versions
from workbench.registry.card import measured
from workbench.registry.card.document import Facts, Page, Section, Table, Text
from workbench.registry.card.facts import gather
from workbench.registry.card.html import as_html
from workbench.registry.card.insight import Insight, measure
from workbench.registry.card.limits import limits
from workbench.registry.card.markdown import as_markdown
from workbench.registry.card.rows import holdout_rows, validation_of
from workbench.registry.card.writing import write_card
from workbench.store.clock import SimulatedClock
from workbench.tracking.page import CONTENT_SECURITY_POLICY

AUTUMN = SimulatedClock(datetime(2026, 10, 1, tzinfo=UTC))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return carded.carded_project(tmp_path / "project")


def _text(page: str) -> str:
    return next(shown(page, "body")).text


@pytest.mark.practice("O3", "M3", "O4", "M9")
def test_a_card_says_what_a_reviewer_has_to_know(project: Project) -> None:
    carded.register(project)
    promotion.promote(project, 1, reason="the first of its kind", actor="ada")
    approvals.approve(project, 1, note="looks sound to me", actor="ben")
    card = write_card(project, 1, clock=AUTUMN)
    assert card.html == project.state / "cards" / "v1.html"
    page, markdown = card.html.read_text(), card.markdown.read_text()
    for told in (
        "Late parcels: tiny-model v1",
        "depot@example.org",
        "how probable it is that late turns out true",
        "how often a positive row is ranked above a negative one",
        "the first of its kind",
        "answered all 8 recorded cases",
        "prepared v0",
        "600 labelled rows on 30 days",
        "colour",
        "looks sound to me",
        "registry.get_version(project, 1)",
        "models:/tiny-model/1",
    ):
        assert told in _text(page), told
        assert told.replace("_", r"\_") in markdown or told in markdown, told
    titles = [element.text for element in shown(page, "h2")]
    assert titles[1:5] == ["Purpose", "What it predicts", "Status", "Known limits"]
    for title in ("Gates", "Slices", "Fairness by group", "Features and what they contribute", "Ledger"):
        assert title in titles
        assert f"## {title}" in markdown
    assert str(project.root) not in page
    assert {item.attributes["alt"][:9] for item in shown(page, "img")} == {
        "roc_auc o",
        "What 3 fe",
        "Calibrati",
    }


@pytest.mark.practice("O3")
def test_it_is_one_file_that_runs_nothing_and_fetches_nothing(project: Project) -> None:
    carded.register(project)
    page = write_card(project, 1).html.read_text()
    assert CONTENT_SECURITY_POLICY in next(shown(page, "meta")).attributes["content"]
    assert not {element.tag for element in parse(page)} & {"script", "link", "iframe", "object"}
    for element in parse(page):
        for name in ("src", "srcset"):
            assert element.attributes.get(name, "data:").startswith("data:")


@pytest.mark.practice("M4")
def test_features_are_told_by_what_they_contribute(project: Project) -> None:
    version = carded.register(project)
    found = measured.insight(project, version)
    assert found.features["feature"].iloc[0] == "size"
    assert found.features["low"].iloc[0] > 0.1
    assert (found.rows, found.asked, found.dataset) == (600, 600, "prepared v0")
    validated = validation_of(version, project)
    assert found.metrics["candidate"]["roc_auc"].value == validated.metrics["candidate"]["roc_auc"]
    low, high = found.metrics["candidate"]["roc_auc"].low, found.metrics["candidate"]["roc_auc"].high
    assert low < validated.metrics["candidate"]["roc_auc"] < high
    assert found.calibration["rows"].sum() == 600
    assert found.scores[["positive", "negative"]].to_numpy().sum() == 600


def test_features_that_may_carry_nothing_are_a_known_limit(project: Project) -> None:
    carded.register(project, model=carded.other_model())
    said = dict(limits(gather(project, 1)))["features that may carry nothing"]
    assert said.startswith(("age, colour: ", "colour, age: "))


def test_what_was_measured_once_is_kept_with_the_evidence(project: Project) -> None:
    version = carded.register(project)
    first = measured.insight(project, version)
    (Path(project.data_uri) / "prepared" / "_delta_log").rename(project.root / "elsewhere")
    again = measured.insight(project, versions.get_version(project, 1))
    pd.testing.assert_frame_equal(again.features, first.features)
    pd.testing.assert_frame_equal(again.calibration, first.calibration)
    assert again.metrics["candidate"] == first.metrics["candidate"]
    with pytest.raises(RegistryError, match="rows it was validated on are not found"):
        holdout_rows(version, project)


def test_when_the_rows_are_gone_the_card_says_so_and_stands(project: Project) -> None:
    carded.register(project, lineage=False)
    card = write_card(project, 1)
    why = dict(card.limits)["contributions of features"]
    assert "the rows it was validated on are not found" in why
    assert "What features contribute is not known" in _text(card.html.read_text())


def test_figures_that_were_damaged_or_beautified_are_measured_again(project: Project) -> None:
    first = measured.insight(project, carded.register(project))
    file = next((project.state / "artifacts").rglob("insight.json"))
    whole = file.read_text()
    for changed in (whole[:200], whole.replace('"rows": 600', '"rows": 9000')):
        assert changed != whole
        file.write_text(changed)
        again = measured.insight(project, versions.get_version(project, 1))
        assert again.features.equals(first.features)
        assert file.read_text() == whole


def test_the_holdout_is_found_by_dataset_version_and_period(project: Project) -> None:
    rows = small.rows()
    before = rows.assign(asked_at=rows["asked_at"] - timedelta(days=60))
    run = small.start(project)
    carded.prepared(run, rows.head(10))  # a version that is not the one it was judged on
    version = carded.register(project, rows=rows)
    written = carded.prepared(small.Run(project, version.tag("run_id")), pd.concat([before, rows]))
    found = holdout_rows(version, project)
    assert (found.dataset.version, found.exact) == (written.version, True)
    assert found.frame["size"].tolist() == rows["size"].tolist()


def test_known_limits_are_drawn_from_the_record(project: Project) -> None:
    rows = small.rows().copy()
    rows.loc[rows.index[:5], "colour"] = "mauve"
    carded.register(project, rows=rows)
    found = dict(limits(gather(project, 1, clock=AUTUMN)))
    assert "colour mauve (5 rows)" in found["groups too small to be judged"]
    assert "30 days, 1 July 2026 to 30 July 2026" in found["seasons"]
    assert "92 days before this card was written" in found["age"]
    assert "as there is none yet" in found["left out of the validation"]
    assert "overlap" not in found


def test_a_version_that_was_forced_says_who_did_it(project: Project) -> None:
    strict = (
        (project.root / "workbench.toml").read_text().replace("minimum_rows = 100", "minimum_rows = 9000")
    )
    (project.root / "workbench.toml").write_text(strict)
    project = open_project(project.root)
    carded.register(project)
    promotion.promote(project, 1, reason="we need one", force=True, actor="ada")
    found = dict(limits(gather(project, 1)))
    assert "ada (claimed) made it champion" in found["promoted by force"]
    assert "at least 9,000 rows are asked" in found["gate rows inconclusive"]


def test_a_version_whose_files_were_changed_gets_a_card_that_warns(project: Project) -> None:
    version = carded.register(project)
    with (Path(urlparse(version.location).path) / "model.skops").open("ab") as file:
        file.write(b"!")
    card = write_card(project, 1)
    assert card.limits[0][0] == "cannot be served"
    warning = next(shown(card.html.read_text(), "p", "trouble"))
    assert "It cannot be served" in warning.text
    assert "files were changed" in warning.text


def test_requirements_that_are_a_link_are_not_read(project: Project, tmp_path: Path) -> None:
    version = carded.register(project)
    secret = tmp_path / "secret"
    secret.write_text("password")
    file = Path(urlparse(version.location).path) / "requirements.txt"
    assert "scikit-learn==" in "\n".join(gather(project, 1).requirements)
    file.unlink()
    file.symlink_to(secret)
    assert gather(project, 1).requirements == ()


def test_a_version_from_mlflows_own_api_gets_a_card_that_says_what_is_missing(project: Project) -> None:
    import mlflow

    trained = small.train(small.start(project))
    mlflow.set_tracking_uri(project.tracking_uri)
    mlflow.register_model(trained.uri, "tiny-model")
    card = write_card(project, 1)
    assert dict(card.limits)["validation"].startswith("tiny-model v1 has no recorded evidence")
    assert "Nothing is known of its validation" in _text(card.html.read_text())


def test_an_unknown_version_is_told(project: Project) -> None:
    carded.register(project)
    with pytest.raises(UnknownName, match="no model version '7'"):
        write_card(project, 7)
    assert not (project.state / "cards").exists()


def test_a_card_is_written_anew_and_leaves_nothing_beside_it(project: Project, tmp_path: Path) -> None:
    carded.register(project)
    first = write_card(project, "challenger", folder=tmp_path / "out").html.read_text()
    promotion.promote(project, 1, reason="a finer one")
    second = write_card(project, 1, folder=tmp_path / "out").html.read_text()
    assert "a finer one" not in first
    assert "a finer one" in second
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["v1.html", "v1.md"]


_NAMES = [*HOSTILE.values(), "a | b", "$x_1$", "*bold* _it_ `code` [l](http://e)", "line\nbreak", "a -- > b"]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    everything = " ".join(_NAMES)
    owner = everything.replace("'", "").replace("\n", " ").replace("\\", "")
    project = carded.carded_project(tmp_path / "project", owner=owner)
    rows = small.rows().assign(colour=np.resize(np.array(_NAMES, dtype=object), len(small.rows())))
    carded.register(project, rows=rows)
    promotion.promote(project, 1, reason=everything)
    card = write_card(project, 1)
    page, markdown = card.html.read_text(), card.markdown.read_text()
    kinds = {element.tag for element in parse(page)}
    assert not kinds & {"script", "iframe", "svg", "math", "form", "object", "base", "embed", "noscript"}
    assert not any(key.startswith("on") for element in parse(page) for key in element.attributes)
    told = [cell.text for cell in shown(page, "td")]
    for name in _NAMES:
        assert " ".join(name.split()) in told
    for element in shown(page, "a"):
        assert element.attributes["href"].startswith(("#", "../"))
    # No tag of theirs is left in the Markdown, and each line of a table has as many cells as its head.
    assert [element.tag for element in parse(markdown)] == []
    for head in ("| when", "| group | slice", "| group | value"):
        assert len({_cells(line) for line in _after(markdown, head)}) == 1


def _cells(line: str) -> int:
    return line.replace(r"\|", "").count("|")


def _after(markdown: str, start: str) -> list[str]:
    lines = markdown.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    rest = lines[first:]
    return rest[: rest.index("")]


def test_long_ids_are_whole_in_markdown_and_on_paper() -> None:
    from workbench.registry.card.document import Hash

    page = Page("t", "e", "h", (), "", (), (Section("S", (Facts((("id", Hash("f" * 64)),)),)),), "")
    assert f"`{'f' * 64}`" in as_markdown(page)
    assert "f" * 64 in next(shown(as_html(page), "span", "whole")).text


def test_addresses_and_mentions_in_markdown_are_nobodys_links() -> None:
    blocks = (Text("see https://evil.example or www.evil.example, @maria"), Table(("a",), (("@ben",),)))
    text = as_markdown(Page("t", "e", "h", (), "", (), (Section("S", blocks),), ""))
    assert "https://evil" not in text
    assert "www.evil" not in text
    assert "@maria" not in text
    assert "@ben" not in text


def test_a_feature_that_says_nothing_contributes_nothing() -> None:
    rows = small.rows().assign(idle=1.0)
    found = measure(
        rows,
        {"candidate": small.estimator()},
        features={"candidate": [*small.FEATURES]},
        target="late",
        time="asked_at",
        primary_metric="brier",
        rounds=50,
    )
    first = found.features.iloc[0]
    assert (first["feature"], first["value"] > 0) == ("size", True)
    again = Insight.from_json(found.to_json())
    assert np.allclose(again.features["value"], found.features["value"])
    with pytest.raises(RegistryError, match="cannot be read"):
        Insight.from_json(json.dumps({"features": []}))


def test_versions_without_an_alias_have_cards_too(project: Project) -> None:
    carded.register(project)
    carded.register(project)
    assert versions.get_version(project, 1).aliases == ()
    assert "none: it is not served" in _text(write_card(project, 1).html.read_text())
