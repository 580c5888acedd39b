"""Labels on SQLite and on PostgreSQL: who gets which row, what they say of it, and what stays of that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError

from tests.contract.labelling import CHOICES, LEASE, NOW, Annotator, make_queue, people
from tests.unit.monitoring.alerting import make
from workbench.data.labels import places, queues, results, saying
from workbench.data.labels.agreement import agreement
from workbench.data.labels.blind import blind_results
from workbench.data.labels.model import NewRow, Queue
from workbench.data.labels.results import Result
from workbench.errors import LabelRefused, UnknownName, UsageError
from workbench.panels.label import LabelPanel, label
from workbench.project import Project
from workbench.registry.identity import Identity
from workbench.store import label_tables as tables

pytestmark = pytest.mark.practice("L9", "D5")
HOSTILE = "<img src=x onerror=alert(1)>\0 [red]\ud800\x1b[31m'; DROP TABLE label_rows;--"


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return make(tmp_path / "project", database_url)


@pytest.fixture
def three(project: Project) -> Iterator[list[Annotator]]:
    with people(project, "ada", "grace", "mary") as found:
        yield found


def results_of(who: Annotator, queue: Queue) -> list[Result]:
    with who.database.read() as connection:
        return results.results(connection, queue)


def events(who: Annotator, queue: Queue, number: int) -> list[tuple[str, str, str | None, str | None]]:
    with who.database.read() as connection:
        found = saying.history(connection, queue, queues.row(connection, queue, number))
    return [(each.actor, each.what, each.before, each.after) for each in found]


def test_two_label_blindly_a_third_decides_and_all_of_it_is_kept(
    project: Project, three: list[Annotator]
) -> None:
    ada, grace, mary = three
    queue = make_queue(ada, project)
    for place in ada.claim(queue, 9):
        assert place.label is None
        ada.give(queue, place, "1")
    doubled = grace.claim(queue, 9)
    assert len(doubled) == 2  # the others have all the people that they want
    grace.give(queue, doubled[0], "1")
    grace.give(queue, doubled[1], "0", remark="landed at the gate later")
    states = [each.state for each in results_of(ada, queue)]
    assert sorted(states) == ["disputed", "settled", "settled", "settled"]

    number = doubled[1].row.number
    for who in (ada, grace):
        with pytest.raises(LabelRefused, match=f"row {number} is for a third person to decide"):
            who.decide(queue, number, "1")
    with pytest.raises(LabelRefused, match="nobody disagrees"):
        mary.decide(queue, doubled[0].row.number, "1")
    with pytest.raises(UsageError, match="'2' is no label of queue 'flights'; there is: 0"):
        mary.decide(queue, number, "2")
    mary.decide(queue, number, "0", why="as the guidelines have it")
    (decided,) = [each for each in results_of(ada, queue) if each.state == "adjudicated"]
    assert (decided.final and decided.final.person, decided.final and decided.final.label) == ("mary", "0")
    with pytest.raises(LabelRefused, match="a third person has decided"):
        ada.undo(queue, decided_place(ada, queue, number))
    assert events(ada, queue, number) == [
        ("ada", "labelled", None, "1"),
        ("grace", "labelled", None, "0"),
        ("mary", "adjudicated", None, "0"),
    ]
    with ada.database.read() as connection:
        progress = results.progress(connection, queue)
    assert progress.people == {"ada": (4, 0, 0), "grace": (2, 0, 0), "mary": (0, 0, 1)}
    assert (progress.done, progress.given, progress.wanted) == (4, 6, 6)


def test_who_decides_is_led_from_one_dispute_of_others_to_the_next(
    project: Project, three: list[Annotator]
) -> None:
    ada, grace, mary = three
    queue = make_queue(ada, project, 5, double_rate=1)
    for who, labels in ((ada, "11111"), (grace, "0100")):  # row 2 is settled, and row 5 is open
        for said in labels:
            who.label_next(queue, said)

    with ada.database.read() as connection:
        stands = results.results(connection, queue)
        over = {each.row.id for each in stands if each.state != "open"}
        assert results.complete(connection, queue) == over
    assert len(over) == 4

    def following(name: str, after: int = 0, now: datetime = NOW) -> int | None:
        with ada.database.read() as connection:
            found = places.next_dispute(connection, queue, Identity(name), after=after, now=now)
        return found.number if found else None

    assert [following("mary", after) for after in range(6)] == [1, 3, 3, 4, 1, 1]
    assert (following("ada"), following("grace")) == (None, None)
    with mary.database.write() as connection:
        row = queues.row(connection, queue, 1)
        places.claim_dispute(connection, queue, row, mary.who(connection), now=NOW, lease=LEASE)
    assert (following("mary"), following("joan")) == (1, 3)
    assert following("joan", now=NOW + LEASE) == 1  # her time is over by then
    mary.decide(queue, 1, "1")
    assert (following("mary"), following("joan", now=NOW + LEASE)) == (3, 3)


def decided_place(who: Annotator, queue: Queue, number: int) -> places.Place:
    with who.database.read() as connection:
        here = (tables.label_places.c.person == who.name) & (tables.label_rows.c.number == number)
        (found,) = places.places(connection, queue, here)
    return found


def test_who_changes_a_label_after_the_other_could_be_seen_agrees_no_more_for_that(
    project: Project, three: list[Annotator]
) -> None:
    ada, grace, _ = three
    queue = make_queue(ada, project, 2, double_rate=1)
    mine = [ada.give(queue, place, "1") for place in ada.claim(queue, 2)]
    mine[0] = ada.give(queue, mine[0], "0")  # still blind
    theirs = [grace.give(queue, place, "1") for place in grace.claim(queue, 2)]
    ada.give(queue, mine[0], "1")
    grace.undo(queue, theirs[1])
    assert [each.state for each in results_of(ada, queue)] == ["settled", "open"]
    with ada.database.read() as connection:
        found = blind_results(connection, queue)
    assert [[(given.person, given.label) for given in each.labels] for each in found] == [
        [("ada", "0"), ("grace", "1")],
        [("ada", "1"), ("grace", "1")],
    ]
    agreed = agreement(queue, found, rounds=10)
    assert (agreed.rows, agreed.same) == (2, 0.5)


def test_of_many_at_once_each_seat_is_had_by_one(project: Project, three: list[Annotator]) -> None:
    queue = make_queue(three[0], project, 24, double_rate=0.5)
    sitting = [*three, *three]  # each at two browsers
    gate = Barrier(len(sitting))

    def work(who: Annotator) -> int:
        given = 0
        gate.wait()
        while found := who.claim(queue, 2):
            for place in found:
                try:
                    given += who.give(queue, place, "1").revision == 1
                except LabelRefused:  # the same person was quicker, in another window
                    continue
        return given

    with ThreadPoolExecutor(len(sitting)) as pool:
        list(pool.map(work, sitting))
    found = results_of(three[0], queue)
    assert [len(each.labels) for each in found] == [each.row.wanted for each in found]
    assert all(len({given.person for given in each.labels}) == each.row.wanted for each in found)
    written = [events(three[0], queue, each.row.number) for each in found]
    assert [len(each) for each in written] == [each.row.wanted for each in found]


def test_two_who_would_wait_for_each_other_take_turns(project: Project, three: list[Annotator]) -> None:
    ada, grace, _ = three
    queue = make_queue(ada, project, 2, double_rate=0)
    grace.claim(queue)
    with ThreadPoolExecutor(1) as pool:
        with ada.database.write() as connection:
            who = ada.who(connection)
            places.claim(connection, queue, who, 1, now=NOW, lease=LEASE)
            later = pool.submit(grace.claim, queue, 2)  # hers, and the one that ada is about to have
            with pytest.raises(TimeoutError):
                later.result(timeout=1)
            over = NOW + 2 * LEASE  # hers is given up by now, and ada wants it
            held = places.claim(connection, queue, who, 2, now=over, lease=LEASE)
        assert {place.row.number for place in held} == {1, 2}
        assert later.result(timeout=30) == []


def test_in_a_second_window_the_same_person_is_told_and_counts_once(
    project: Project, three: list[Annotator]
) -> None:
    ada = three[0]
    queue = make_queue(ada, project, 1, double_rate=1)
    (here,), (there,) = ada.claim(queue), ada.claim(queue)
    ada.give(queue, here, "1")
    with pytest.raises(LabelRefused, match="row 1 was changed in another window; look at the queue anew"):
        ada.give(queue, there, "0")
    assert ada.claim(queue) == []  # the second seat is for somebody else
    assert [len(each.labels) for each in results_of(ada, queue)] == [1]
    with pytest.raises(LabelRefused, match=r"row 1 is ada's, and you are grace: nobody labels for others"):
        three[1].give(queue, decided_place(ada, queue, 1), "0")


def test_a_row_is_skipped_labels_are_taken_back_and_changed(project: Project, three: list[Annotator]) -> None:
    ada, grace, _ = three
    queue = make_queue(ada, project, 2, double_rate=0)
    (first,) = ada.claim(queue)
    skipped = ada.skip(queue, first)
    (second,) = ada.claim(queue)
    labelled = ada.give(queue, second, "0")
    assert ada.give(queue, labelled, "0") == labelled  # said already
    assert ada.claim(queue) == []
    with ada.database.read() as connection:
        assert places.recent(connection, queue, ada.who(connection), 9) == [labelled, skipped]
    claimed = ada.undo(queue, labelled)
    assert (claimed.status, claimed.label) == ("claimed", None)
    changed = ada.give(queue, ada.give(queue, claimed, "0"), "1")
    back = ada.undo(queue, skipped)
    assert back.status == "claimed"
    ada.skip(queue, back)
    grace.label_next(queue, "1")
    with pytest.raises(LabelRefused, match="your time for row 1 was over, and others have it"):
        ada.undo(queue, decided_place(ada, queue, 1))
    assert events(ada, queue, changed.row.number) == [
        ("ada", "labelled", None, "0"),
        ("ada", "undone", "0", None),
        ("ada", "labelled", None, "0"),
        ("ada", "changed", "0", "1"),
    ]
    assert [what for _, what, _, _ in events(ada, queue, 1)] == [
        *("skipped", "returned", "skipped"),
        "labelled",
    ]


def test_who_goes_away_frees_the_row_whatever_the_clock_does(
    project: Project, three: list[Annotator]
) -> None:
    ada, grace, _ = three
    queue = make_queue(ada, project, 1, double_rate=0)
    (mine,) = ada.claim(queue)
    assert grace.claim(queue, now=NOW + LEASE - timedelta(seconds=1)) == []
    assert ada.claim(queue, now=NOW + timedelta(hours=1)) == [mine]  # nobody else came
    # The clock is set back by an hour: the claim lasts for its whole length once more, and no longer.
    assert grace.claim(queue, now=NOW) == []
    (theirs,) = grace.claim(queue, now=NOW + LEASE)
    with pytest.raises(LabelRefused, match="your time for row 1 was over"):
        ada.give(queue, mine, "1")
    grace.give(queue, theirs, "0")
    assert [given.person for given in results_of(ada, queue)[0].labels] == ["grace"]


def test_rows_come_once_and_a_queue_asks_one_question(project: Project, three: list[Annotator]) -> None:
    ada = three[0]
    queue = make_queue(ada, project, 4)
    assert make_queue(ada, project, 6) == queue
    with ada.database.read() as connection:
        assert [each.rows for each in queues.batches(connection, queue)] == [4, 2]
        assert queues.row_count(connection, queue) == 6
        with pytest.raises(UsageError, match=r"has no row 7; it has 6"):
            queues.row(connection, queue, 7)
        with pytest.raises(UnknownName, match="no queue 'fligths'; did you mean 'flights'"):
            queues.find(connection, project.name, "fligths")
    with ada.database.write() as connection:
        by = ada.who(connection)
        with pytest.raises(UsageError, match=r"queue 'flights' asks 'Late\?', which stays"):
            queues.make(connection, project.name, "flights", "On time?", CHOICES, by=by, at=NOW)
        asked = (connection, project.name, "flights", "", CHOICES[::-1])
        with pytest.raises(UsageError, match=r"has other labels \(o=0:on time, l=1:late\)"):
            queues.make(*asked, by=by, at=NOW)


def test_guidelines_have_versions_and_labels_name_theirs(project: Project, three: list[Annotator]) -> None:
    ada = three[0]
    queue = make_queue(ada, project, 2, double_rate=0)
    with ada.database.write() as connection:
        by = ada.who(connection)
        assert queues.revise_guidelines(connection, queue, "Fifteen minutes. ", by=by, at=NOW).version == 1
        new = queues.revise_guidelines(connection, queue, HOSTILE, by=by, at=NOW)
        assert new.version == 2
        assert "\0" not in new.text
        with pytest.raises(UsageError, match="guidelines are a text"):
            queues.revise_guidelines(connection, queue, " ", by=by, at=NOW)
    one, two = ada.claim(queue, 2)
    ada.give(queue, one, "1", guidelines=1)
    ada.give(queue, two, "1", guidelines=2)
    assert [each.guidelines for each in results_of(ada, queue)] == [(1,), (2,)]


def test_any_text_is_kept(project: Project, three: list[Annotator]) -> None:
    ada = three[0]
    queue = make_queue(ada, project, 0)
    with ada.database.write() as connection:
        row = NewRow({"prediction_id": HOSTILE}, {HOSTILE: HOSTILE * 50}, HOSTILE)
        queues.add_rows(
            *(connection, queue, [row]),
            source={"log": HOSTILE.replace("\0", "")},
            how="random",
            double_rate=0,
            seed=0,
            by=ada.who(connection),
            at=NOW,
        )
    (place,) = ada.claim(queue)
    ((name, cell),) = place.row.cells.items()
    assert name.startswith("<img src=x")
    assert len(str(cell)) == 2_000
    ada.give(queue, place, "1", remark=HOSTILE)
    with ada.database.read() as connection:
        (event,) = saying.history(connection, queue, place.row)
    assert "DROP TABLE" in event.remark


def test_nothing_that_was_said_is_changed_removed_or_said_for_others(
    project: Project, three: list[Annotator]
) -> None:
    ada, grace, _ = three
    queue = make_queue(ada, project, 1, double_rate=1)
    place = ada.label_next(queue, "1")
    for table in (tables.label_events, tables.label_rows, tables.label_guidelines, tables.label_batches):
        for statement in (table.delete(), table.update().values(queue=0)):
            with pytest.raises(DBAPIError, match="append-only"):
                ada.do(lambda connection, statement=statement: connection.execute(statement))
    with ada.database.read() as connection:
        (event,) = saying.history(connection, queue, place.row)
    if ada.database.engine.dialect.name == "sqlite":
        assert (event.actor, event.database_user) == ("ada", None)
        return
    assert (event.actor, event.database_user) == ("ada", "ada")
    # PostgreSQL knows who somebody is, whatever they say.
    values = {"queue": queue.id, "row": place.row.id, "person": "mary", "status": "labelled", "label": "0"}
    more = {"seat": 2, "guidelines": 1, "revision": 1}
    grace.do(lambda connection: connection.execute(insert(tables.label_places), {**values, **more}))
    assert [given.person for given in results_of(ada, queue)[0].labels] == ["ada", "grace"]
    with pytest.raises(DBAPIError, match="somebody else's"):
        grace.do(
            lambda connection: connection.execute(
                update(tables.label_places).where(tables.label_places.c.id == place.id).values(label="0")
            )
        )
    with pytest.raises(DBAPIError, match="stays its person's"):
        grace.do(lambda connection: connection.execute(text("UPDATE label_places SET person = 'grace'")))


@pytest.mark.postgres
def test_the_panel_labels_as_who_the_database_knows(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another login name makes nobody another person, and the same one not the same."""
    project = make(tmp_path / "project", postgres_url)

    def sit(user: str, login: str) -> LabelPanel:
        monkeypatch.setenv("LOGNAME", login)
        url = postgres_url.replace("postgres@", f"{user}@")
        panel = label("flights", of=make(tmp_path / f"{user}-{login}", url))
        panel.ticks = map(float, count()).__next__
        panel.start()
        return panel

    with people(project, "ada", "grace") as (ada, _):
        queue = make_queue(ada, project, 2, double_rate=1)
        for _row in range(2):
            sit("ada", "shared").press("l")
        again = sit("ada", "somebody-else")
        assert (again.problem, again.shown) == ("", None)
        assert "You label as ada (login somebody-else)" in str(again.widget.children[0].value)
        sit("grace", "shared").press("o")
        assert [[given.person for given in each.labels] for each in results_of(ada, queue)] == [
            ["ada", "grace"],
            ["ada"],
        ]
