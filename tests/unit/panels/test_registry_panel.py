"""The registry panel: what it shows of versions and ledger, what can be done there, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pages import parse, shown
from tests.projects import make_project
from tests.unit.panels.recorded import HOSTILE
from tests.unit.panels.stores import away
from tests.unit.registry import carded, small
from workbench.errors import AliasMoved, UnknownName
from workbench.panels.registry import RegistryPanel, registry, tables
from workbench.panels.registry.acting import APPROVE, RETIRE, ROLL_BACK, ROLL_BACK_TO, WITHDRAW
from workbench.panels.registry.parts import CARD, DELTA, GATES, LEDGER, PARTS
from workbench.project import Project, open_project
from workbench.registry import aliases, promotion
from workbench.tracking import store
from workbench.tracking.sanitize import clean_html

_PROMOTE = "promote to champion"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Version 1 flags hardly anybody, version 2 looks at all features, version 3 failed its gates."""
    project = carded.carded_project(tmp_path_factory.mktemp("panels") / "registered")
    carded.register(project, model=carded.other_model(), until=carded.EARLIER)
    carded.register(project)
    small.register(small.start(project), verdict="failed")
    promotion.promote(project, 1, reason="the first that passed")
    return project


@pytest.fixture
def project(registered: Project, tmp_path: Path) -> Project:
    """A copy to act on; the files of its models lie where they were."""
    shutil.copytree(registered.root, tmp_path / "project")
    return open_project(tmp_path / "project")


def _ledger(project: Project, alias: str = "champion") -> list[tuple[int | None, int | None, str]]:
    return [(entry.from_version, entry.to_version, entry.reason) for entry in aliases.ledger(project, alias)]


def _text(panel: RegistryPanel) -> str:
    return next(shown(panel._repr_html_(), "div")).text


# -- what is shown -----------------------------------------------------------------------------------


@pytest.mark.practice("L5")
def test_versions_stand_there_with_their_aliases_and_gates(registered: Project) -> None:
    panel = registry(of=registered)
    assert (panel.chosen, panel.against) == (3, 1)
    rows = [row.text for row in shown(panel._repr_html_(), "tr")][1:4]
    assert [row[:16] for row in rows] == ["v3challengerfail", "v2–passedboostin", "v1championpassed"]
    assert "Champion v1 since" in _text(panel)
    assert "the first that passed" in _text(panel)
    assert "primary metric" in _text(panel)
    assert "at least 0.999 is asked" in _text(panel)
    assert "0 of 0 that champion needs" in _text(panel)
    panel.choose("champion")
    assert (panel.chosen, panel.against) == (1, None)  # the champion, with nothing before it
    panel.hold_against("v2")
    assert panel.against == 2


@pytest.mark.practice("P5")
def test_the_ledger_is_shown_whole_the_newest_first(registered: Project) -> None:
    panel = registry(part=LEDGER, of=registered)
    moves = [row.text for row in shown(panel._repr_html_(), "tr")][5:]
    assert len(moves) == len(aliases.ledger(registered)) == 4
    assert "championv" not in moves[0]
    assert ["champion–v1" in move for move in moves] == [True, False, False, False]
    assert "claimed" in moves[0]


@pytest.mark.practice("P9")
def test_a_delta_is_measured_only_when_it_is_asked_for(registered: Project) -> None:
    panel = registry(2, of=registered)
    panel.part = DELTA
    assert panel.delta is None
    assert "has not been measured" in _text(panel)
    panel.compare()
    assert panel.delta is not None
    assert "of the rows differently" in _text(panel)
    assert registry(2, 1, part=DELTA, of=registered).delta is not None  # as a report asks for it
    panel.hold_against(2)
    panel.compare()
    assert "cannot be compared with itself" in panel.problem


def test_a_card_is_written_here_or_found(registered: Project, project: Project) -> None:
    panel = registry(1, of=project)
    panel.part = CARD
    assert "has no card yet" in _text(panel)
    panel.write_card()
    assert "Known limits" in _text(panel)
    later = registry(1, of=project)
    later.part = CARD
    assert str(later.card_file) in _text(later)
    later.choose(2)
    assert later.card_file is None


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_kept_in_a_report(registered: Project, part: str) -> None:
    page = registry(2, 1, part=part, of=registered)._repr_html_()
    kept = str(clean_html(page))
    assert [row.text for row in shown(kept, "tr")] == [row.text for row in shown(page, "tr")]


def test_what_is_not_there_is_refused(registered: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registered.root)
    with pytest.raises(UnknownName, match="model version"):
        registry(7)
    with pytest.raises(UnknownName, match="did you mean 'champion'"):
        registry("chapmion")
    with pytest.raises(UnknownName, match="part"):
        registry(part="everything")
    shown_as = registry("v2")._repr_mimebundle_()
    assert shown_as["text/plain"] == "RegistryPanel(3 versions; champion v1)"
    assert "application/vnd.jupyter.widget-view+json" in shown_as


def test_many_versions_come_in_pages(registered: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PAGE", 2)
    panel = registry(of=registered)
    box = panel.widget.children[2]
    column, (back, on, pages) = box.children[0].children[0], box.children[1].children
    assert [button.description for button in column.children[1:]] == ["v3", "v2"]
    on.click()
    assert [item.version for item in panel.shown] == [1]
    assert pages.value == "page 2 of 2, 3 versions"
    assert (back.disabled, on.disabled) == (False, True)
    column.children[1].click()
    assert panel.chosen == 1


def test_a_version_that_is_asked_for_is_seen_however_old_it_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 2)
    panel = registry("champion", of=project)
    assert [item.version for item in panel.shown] == [1]
    assert "<b>v1</b>" in panel._repr_html_()
    newest = registry(2, of=project)
    assert [item.version for item in newest.shown] == [3, 2]
    small.register(small.start(project))
    newest.refresh()
    assert (newest.chosen, [item.version for item in newest.shown]) == (2, [2, 1])


def test_before_the_first_version_it_says_which_command_makes_one(tmp_path: Path) -> None:
    panel = registry("champion", of=make_project(tmp_path / "none", {"train": []}))
    assert "workbench run" in _text(panel)
    assert panel.look(_PROMOTE) is None
    assert not panel.do("because")
    panel.compare()
    panel.write_card()
    assert panel.problem == ""
    assert panel.widget.children


def test_what_tags_and_reasons_hold_is_shown_as_text(project: Project) -> None:
    promotion.promote(project, 2, to="shadow", reason=HOSTILE, actor=HOSTILE)
    client = store.client(project)
    odd = {
        "name": HOSTILE,
        "metrics": "no json",
        "kind": HOSTILE,
        "serving_path": HOSTILE,
        "verdict": HOSTILE,
    }
    for name, value in {**odd, "size_bytes": "9" * 400, "serving_path_why": HOSTILE}.items():
        client.set_model_version_tag("tiny-model", "2", f"workbench.{name}", value)
    client.set_model_version_tag("tiny-model", "1", "workbench.metrics", '{"roc_auc": NaN}')
    client.set_model_version_tag("tiny-model", "3", "workbench.metrics", '{"roc_auc": 1e999}')
    for part in (GATES, LEDGER):
        panel = registry(2, part=part, of=project)
        assert "img" not in {element.tag for element in parse(panel._repr_html_())}
        assert HOSTILE in _text(panel)
    assert "roc_auc" in _text(panel)
    rows = [row.text for row in shown(panel._repr_html_(), "tr")][1:4]
    assert all("boosting–20" in row or HOSTILE in row for row in rows)


# -- what is done --------------------------------------------------------------------------------------


@pytest.mark.practice("P2", "P5")
def test_a_version_is_promoted_once_it_was_looked_at_and_there_is_a_reason(project: Project) -> None:
    panel = registry(2, of=project)
    assert not panel.do("it is better")
    assert "look first" in panel.told
    panel.look(_PROMOTE)
    assert "8 cases as recorded" in panel.told
    assert "champion: v1 → v2" in panel.told
    assert not panel.may("  ")
    assert not panel.do("  ")
    panel.look(_PROMOTE)
    assert panel.do(" it is better ")
    assert _ledger(project)[-1] == (1, 2, "it is better")
    assert "it is better" in panel.told
    assert (panel.news, panel.known.held["champion"]) == ((), 2)
    panel.choose(1)
    panel.look(ROLL_BACK)
    assert "Back to tiny-model v1" in panel.told
    assert panel.do("too many false alarms")
    assert _ledger(project)[-1] == (2, 1, "too many false alarms")


def test_what_the_command_refuses_is_refused_in_one_line_and_force_is_said_in_the_ledger(
    project: Project,
) -> None:
    panel = registry(3, of=project)
    found = panel.look(_PROMOTE)
    assert found is not None
    assert found.act is None
    assert "refused: tiny-model v3: its gates are failed, not passed" in panel.told
    assert not panel.may("I like it")
    for action, why in (
        (ROLL_BACK, "there is no champion before v1"),
        (ROLL_BACK_TO, "tiny-model v3 was never champion"),
    ):
        assert panel.look(action) is None
        assert why in panel.told
    panel.choose(1)
    for action, why in (
        (RETIRE, "v1 is the champion: promote another"),
        (_PROMOTE, "is the champion already"),
    ):
        panel.look(action)
        assert why in panel.told
        assert not panel.may("because")
    assert _ledger(project) == [(None, 1, "the first that passed")]
    panel.choose(3)
    panel.look(_PROMOTE, force=True)
    assert panel.do("agreed with the owner")
    panel.part = LEDGER
    assert "forced" in _text(panel)
    panel.look(RETIRE)
    assert "is the champion" in panel.told


def test_a_shadow_is_retired(project: Project) -> None:
    panel = registry(2, of=project)
    panel.look("promote to shadow")
    assert panel.do("let us see")
    panel.look(RETIRE)
    assert "would be shadow-1 no longer" in panel.told
    assert panel.do("no better")
    assert aliases.current(project, "shadow-1") is None
    assert panel.look(RETIRE) is None
    assert "neither canary nor challenger nor shadow" in panel.told


@pytest.mark.practice("P2")
def test_a_version_is_approved_by_somebody_else_than_its_author(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = registry(2, of=project)
    panel.look(APPROVE)
    assert not panel.do("I looked at my own work")
    assert "an approval is somebody else&#x27;s to give" in panel.told
    monkeypatch.setenv("LOGNAME", "ada")
    panel.look(APPROVE)
    assert "its notebook was not compared" in panel.told
    assert panel.do("the split is by time")
    assert "1 of 0 that champion needs" in _text(panel)
    assert "ada (claimed)" in _text(panel)
    panel.look(WITHDRAW)
    assert panel.do("overlooked a leak")
    assert "withdrawn" in _text(panel)


@pytest.mark.parametrize("action", [_PROMOTE, ROLL_BACK_TO])
def test_what_somebody_else_did_meanwhile_is_told_and_not_overwritten(project: Project, action: str) -> None:
    promotion.promote(project, 2, reason="first mine")
    panel = registry(1 if action == ROLL_BACK_TO else 3, of=project)
    considered = panel.look(action, force=True)
    assert considered is not None
    assert considered.act is not None
    other = registry(3 if action == ROLL_BACK_TO else 1, of=project)
    other.look(_PROMOTE, force=True)
    assert other.do(f"ada was quicker {HOSTILE}")
    before = _ledger(project)
    assert not panel.do("as I saw it")
    assert "ada was quicker" in panel.told
    assert "nothing was changed" in panel.told
    assert "img" not in {element.tag for element in parse(panel.told + panel.top)}
    # Also in the very moment between that look and the move.
    with pytest.raises(AliasMoved):
        considered.act("as I saw it")
    assert _ledger(project) == before
    panel.refresh()
    assert panel.news == ()
    if action == _PROMOTE:
        panel.look(action, force=True)
        assert panel.do("looked again")
        assert _ledger(project)[-1] == (1, 3, "looked again")


# -- when it cannot ------------------------------------------------------------------------------------


def test_a_tracking_store_that_is_away_is_told_and_the_ledger_is_there(project: Project) -> None:
    settings = project.root / "workbench.toml"
    text = settings.read_text()
    settings.write_text(text + '\n[stores]\ntracking = "http://127.0.0.1:9"\n')
    panel = RegistryPanel(open_project(project.root))
    assert "the tracking store does not answer" in panel.problem
    assert "\n" not in panel.problem
    assert "Champion v1 since" in _text(panel)
    assert panel.widget.children[0].description == "Retry"


def test_a_database_that_is_away_is_told_in_one_line_and_what_is_known_stays(project: Project) -> None:
    panel = registry(2, of=project)
    button = panel.widget.children[0]  # and its gates are shown
    panel.look(_PROMOTE)
    with away(project.state / "workbench.db"):
        assert not panel.do("it is better")
        assert "the workbench database does not answer" in panel.told
        button.click()
        assert panel.problem.startswith("the registry cannot be read: the workbench database does not answer")
        assert button.description == "Retry"
        assert "600 labelled rows" in _text(panel)  # the gates of v2, which were read before
        panel.choose(1)
        assert "its gates lie in a store that is away" in _text(panel)
        panel.choose(2)
        assert "\n" not in registry("champion", of=project).problem
        assert panel.look(_PROMOTE) is None
    button.click()
    assert (panel.problem, button.description) == ("", "Refresh")


def test_the_widgets_do_what_the_panel_does(project: Project) -> None:
    panel = registry(of=project)
    panel.widget.children[2].children[0].children[0].children[2].click()  # v2, below the corner and v3
    assert panel.chosen == 2
    tab = panel.widget.children[2].children[2]
    tab.selected_index = len(PARTS)
    _, choice, reason, buttons, told = tab.children[-1].children[0].children
    action, force = choice.children
    look, go = buttons.children
    assert (force.layout.display, go.disabled) == ("none", True)
    action.value = _PROMOTE
    look.click()
    assert "champion: v1 → v2" in told.value
    assert go.disabled
    reason.value = "it is better"
    assert not go.disabled
    action.value = ROLL_BACK  # what was looked at was something else
    assert go.disabled
    action.value = _PROMOTE
    look.click()
    go.click()
    assert _ledger(project)[-1] == (1, 2, "it is better")
    assert ("it is better" in told.value, reason.value, go.disabled) == (True, "", True)
