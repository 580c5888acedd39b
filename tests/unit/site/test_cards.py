"""Model cards on the page that lists reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.pages import shown
from tests.unit.registry import carded
from workbench.cli.site import site
from workbench.registry import promotion
from workbench.registry.card.writing import write_card
from workbench.site.index import INDEX, build_index


@pytest.mark.practice("T1", "O3")
def test_the_site_leads_to_the_card_of_every_version_with_an_alias(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = carded.carded_project(tmp_path / "project")
    for _ in range(3):
        carded.register(project)
    promotion.promote(project, 2, reason="better")
    write_card(project, 1)
    assert "Model cards" not in build_index(project).read_text()
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(site, [], catch_exceptions=False)
    assert done.stdout.strip() == str(project.reports / INDEX)
    page = (project.reports / INDEX).read_text()
    links = [item for item in shown(page, "a") if "cards/v" in item.attributes["href"]]
    assert [item.text for item in links] == ["v2", "v3"]
    told = [item.text for item in shown(page, "li")]
    assert told[-2:] == ["v2 champion", "v3 challenger"]
    for item in links:
        card = (project.reports / item.attributes["href"]).resolve()
        assert "All reports" in card.read_text()
