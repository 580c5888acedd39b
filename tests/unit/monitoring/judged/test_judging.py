"""What people judged: kept for each, counted with what it may say of all, and put on the backlog once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.monitoring.judged.asked import CLOCK, HOSTILE, LOG, ask, make
from workbench.errors import UsageError
from workbench.monitoring import judged
from workbench.monitoring.judged import Draw, Figures, Sample
from workbench.project import Project
from workbench.serving.log.chosen import chosen_log
from workbench.store import backlog
from workbench.store.backlog import Item
from workbench.store.database import open_database
from workbench.store.judgements import Drawn, Judgement, Verdict

pytestmark = pytest.mark.practice("P7")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make(tmp_path / "late")
    ask(made)
    return made


@pytest.fixture
def sample(project: Project) -> Sample:
    return judged.draw(project, *chosen_log(project, None), Draw())


def items(project: Project) -> list[Item]:
    with open_database(project).read() as connection:
        return backlog.items(connection, project.name, closed=True)


def test_what_was_judged_is_there_by_person_with_its_slices(project: Project, sample: Sample) -> None:
    first = sample.answers[0]
    judged.judge(project, sample, first, "wrong", "it snowed", actor="ada", clock=CLOCK)
    judged.judge(project, sample, first, "right", actor="grace", clock=CLOCK)
    judged.judge(project, sample, first, "can't say", actor="ada", clock=CLOCK)
    found = judged.judged(project, LOG)
    assert [(each.person, each.verdict) for each in found] == [("grace", "right"), ("ada", "can't say")]
    assert found[0].slices == first.slices
    assert (found[0].version, found[0].drawn, found[0].at) == (3, "random", CLOCK.now())
    with pytest.raises(UsageError, match="no verdict"):
        judged.judge(project, sample, first, "perhaps", clock=CLOCK)  # type: ignore[arg-type]
    assert judged.judged(project, LOG) == found


def _said(
    prediction: int, verdict: Verdict, person: str = "ada", drawn: Drawn = "random", **slices: str
) -> Judgement:
    return Judgement(f"p-{prediction}", 3, verdict, "", drawn, slices, CLOCK.now(), person)


def _told(shares: tuple[judged.Share, ...]) -> dict[str, tuple[int, int, int, int]]:
    return {
        f"{each.group} {each.name}": (each.right, each.wrong, each.unsure, each.disputed) for each in shares
    }


def test_shares_have_wilsons_interval_and_people_who_disagree_count_as_neither() -> None:
    found = judged.figures(
        [
            *(_said(number, "right", origin="JFK") for number in range(8)),
            *(_said(number, "wrong", origin="EWR") for number in range(8, 10)),
            _said(10, "can't say", origin="EWR"),
            _said(11, "right", origin="EWR"),
            _said(11, "wrong", "grace", origin="EWR"),
            _said(0, "right", "grace", origin="JFK"),
            _said(1, "can't say", "grace", origin="JFK"),
        ]
    )
    assert _told(found.drawn) == {"drawn random": (8, 2, 1, 1)}
    (share,) = found.drawn
    assert share.count == 12
    # 2 of 10, from R: prop.test(2, 10, correct = FALSE)$conf.int
    assert share.share.value == 0.2
    assert (share.share.low, share.share.high) == (
        pytest.approx(0.0566822, abs=1e-6),
        pytest.approx(0.5098375, abs=1e-6),
    )
    assert _told(found.people) == {"person ada": (9, 2, 1, 0), "person grace": (1, 1, 1, 0)}
    assert _told(found.slices) == {
        "version v3": (8, 2, 1, 1),
        "origin EWR": (0, 2, 1, 1),
        "origin JFK": (8, 0, 0, 0),
    }


def test_what_was_chosen_for_being_uncertain_says_nothing_of_all() -> None:
    found = judged.figures([_said(0, "right"), _said(1, "wrong", drawn="uncertain", origin="JFK")])
    assert _told(found.drawn) == {"drawn random": (1, 0, 0, 0), "drawn uncertain": (0, 1, 0, 0)}
    assert _told(found.slices) == {"version v3": (1, 0, 0, 0)}
    assert not judged.figures([_said(0, "can't say")]).drawn[0].share.known
    assert judged.figures([]) == Figures()


@pytest.mark.practice("T2")
def test_what_is_wrong_is_put_on_the_backlog_once(project: Project, sample: Sample) -> None:
    answer = sample.answers[0]
    wrong = judged.judge(project, sample, answer, "wrong", f"{HOSTILE}\nsnow", actor="ada", clock=CLOCK)
    item = judged.put_on_backlog(project, LOG, wrong, actor="ada", clock=CLOCK)
    assert judged.put_on_backlog(project, LOG, wrong, actor="ada", clock=CLOCK) == item
    theirs = judged.judge(project, sample, answer, "wrong", "no plane", actor="grace", clock=CLOCK)
    for _ in range(2):
        assert judged.put_on_backlog(project, LOG, theirs, actor="grace", clock=CLOCK).id == item.id
    (found,) = items(project)
    assert (found.kind, found.title) == ("review", f"lateness v3 answered wrong: {HOSTILE}")
    assert found.links == (f"prediction {answer.prediction_id}", f"log {LOG}")
    with open_database(project).read() as connection:
        told = [(event.what, event.actor, event.detail) for event in backlog.history(connection, found)]
    assert told == [("opened", "ada", found.title), ("remark", "grace", "no plane")]


def test_what_is_not_wrong_or_says_nothing_is_not_put_there(project: Project, sample: Sample) -> None:
    answer = sample.answers[0]
    for verdict, remark, expected in (
        ("right", "x", "judged 'right', not wrong"),
        ("wrong", " ", "say in the remark"),
    ):
        found = judged.judge(project, sample, answer, verdict, remark, actor="ada", clock=CLOCK)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=expected):
            judged.put_on_backlog(project, LOG, found, actor="ada", clock=CLOCK)
    assert items(project) == []
