"""``workbench models card`` and ``workbench models delta``, as a person sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.registry import carded
from workbench.cli import models_card
from workbench.errors import UnknownName
from workbench.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = carded.carded_project(tmp_path / "project")
    carded.register(made, model=carded.other_model(), until=carded.EARLIER)
    carded.register(made)
    monkeypatch.chdir(made.root)
    return made


def _call(command: Any, *arguments: str) -> Result:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.practice("O3")
def test_card_prints_where_it_is(project: Project, tmp_path: Path) -> None:
    cards = project.state / "cards"
    assert _call(models_card.card, "2").stdout.splitlines() == [f"{cards}/v2.html", f"{cards}/v2.md"]
    told = json.loads(_call(models_card.card, "challenger", "--out", str(tmp_path / "o"), "--json").stdout)
    assert (told["version"], told["html"]) == (2, str(tmp_path / "o" / "v2.html"))
    assert "seasons" in [limit["about"] for limit in told["limits"]]
    assert Path(told["markdown"]).read_text().startswith("# Late parcels: tiny-model v2")
    with pytest.raises(UnknownName, match="no model version '5'"):
        CliRunner().invoke(models_card.card, ["5"], catch_exceptions=False)


@pytest.mark.practice("P9")
def test_delta_says_the_gist_and_where_the_report_is(project: Project, tmp_path: Path) -> None:
    said = _call(models_card.delta, "1", "2").stdout.splitlines()
    assert said[0].startswith("They flag ")
    assert said[-2:] == [f"{project.state}/cards/v1-v2.html", f"{project.state}/cards/v1-v2.md"]
    place = str(tmp_path / "o")
    told = json.loads(_call(models_card.delta, "1", "2", "--json", "--out", place, "--hide", "size").stdout)
    assert told["rows"] == 600
    assert "size" not in told["changed"][0]
    assert "age" in told["changed"][0]
    assert Path(told["html"]).parent == tmp_path / "o"
