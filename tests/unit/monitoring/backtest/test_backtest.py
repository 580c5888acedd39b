"""Policy backtests of a small shop: honest, repeatable, and of no effect on the project itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.repeats import repeats
from tests.unit.cli.test_sweep_cli import Said, call
from tests.unit.monitoring.backtest import orders
from workbench import registry
from workbench.data.tables import Tables
from workbench.errors import WorkbenchError
from workbench.monitoring.backtest import Backtest, Event, Policy, PolicyOutcome, Progress, run
from workbench.monitoring.backtest.worlds import Place
from workbench.project import Project, open_project
from workbench.store.hashing import hash_file
from workbench.tracking.metrics import roc_auc
from workbench.tracking.models import positive_scores

pytestmark = pytest.mark.timeout(600)

STRICT = Policy(
    "strict", "asks the impossible", {"gates.minimum_primary": 0.99, "retraining.cooldown": "60 d"}
)
BROKEN = Policy(  # asked once: what failed starts no cooldown, and is tried again whenever it is called for
    "broken",
    "cannot train",
    {"retraining.parameters": {"broken": True}, "retraining.trigger": ["schedule"]},
    schedule="0 0 1 3 *",
)
TYPED = ("--policy", "monthly", "--policy", "declared", "--until", "2026-01-30")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return orders.make_shop(tmp_path_factory.mktemp("backtest") / "shop", orders.orders())


@pytest.fixture(scope="module")
def before(shop: Project) -> dict[str, str]:
    """The shop's own files before anything is tried on it."""
    return _own_files(shop)


@pytest.fixture(scope="module")
def told() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def tried(shop: Project, before: dict[str, str], told: list[Progress]) -> Backtest:
    """What four policies would have done to the shop."""
    policies = ["never", "performance", STRICT, BROKEN]
    return orders.backtested(shop, policies, jobs=2, on_progress=told.append)


def _own_files(project: Project) -> dict[str, str]:
    found = (path for path in project.root.rglob("*") if "backtests" not in path.parts and path.is_file())
    return {str(path): hash_file(path) for path in found if "__pycache__" not in path.parts}


def _kinds(outcome: PolicyOutcome) -> list[str]:
    return [event.kind for event in outcome.events]


def test_a_policy_that_looks_at_performance_follows_when_the_world_turns(tried: Backtest) -> None:
    kept, followed = tried.policy("never"), tried.policy("performance")
    assert "retrained" not in _kinds(kept)
    assert {day.version for day in kept.days} - {0} == {1}
    promoted = [event for event in followed.events if event.kind == "promoted"]
    assert promoted
    assert promoted[0].at.date() > date.fromisoformat(orders.TURN)
    assert followed.worth is not None
    assert kept.worth is not None
    assert followed.worth > kept.worth
    after = [
        span.metric for span in followed.spans if span.start > promoted[-1].at and span.metric is not None
    ]
    assert min(after) > 0.7 > 0.3 > (kept.spans[-1].metric or 0)
    # From the day after the promotion on, others answer.
    first = next(day.day for day in followed.days if day.version == promoted[0].version)
    assert first == promoted[0].at.date()


def test_alerts_are_held_against_what_was_really_true(tried: Backtest) -> None:
    raised = [event for event in tried.policy("never").events if event.kind == "alert"]
    assert raised
    assert all(event.mattered for event in raised if "performance-dropped" in event.says)
    # A challenger that answered nobody harmed nobody.
    shadows = [
        event
        for event in tried.policy("strict").events
        if event.kind == "alert" and event.version is not None and event.version > 1
    ]
    assert not any(event.mattered for event in shadows)


def test_gates_that_never_pass_and_phases_that_fail_are_events(tried: Backtest) -> None:
    strict, broken = tried.policy("strict"), tried.policy("broken")
    assert "refused" in _kinds(strict)
    assert "promoted" not in _kinds(strict)
    assert "although its gates were failed: primary metric" in strict.first_version_note
    assert "passed its gates" in tried.policy("never").first_version_note
    failed = [event for event in broken.events if event.kind == "failed"]
    assert len(failed) == broken.trainings == 1
    assert "there is no such thing as a model" in failed[0].says
    assert len(broken.days) == len(tried.policy("never").days)


def test_it_says_what_it_cannot_know(tried: Backtest) -> None:
    outcome = tried.policy("never")
    assert outcome.unknown == (
        "From 2026-03-12 to 2026-03-13 80 rows were asked, and of no answer it ever became known what was "
        "true.",
    )
    by_day = {day.day: day for day in outcome.days}
    assert by_day[date(2026, 3, 12)].asked == 40
    assert by_day[date(2026, 3, 12)].worth is None
    silent = by_day[date.fromisoformat(orders.SILENT)]
    assert (silent.asked, silent.version, silent.worth) == (0, 0, None)
    assert [day.day for day in outcome.days] == [
        day.date() for day in pd.date_range(orders.SINCE, orders.UNTIL, inclusive="left")
    ]
    assert any("latency_ms" in note for note in tried.notes)


def test_never_is_the_plain_evaluation_of_the_first_model(shop: Project, tried: Backtest) -> None:
    world = open_project(Place.of(shop, "").root / "worlds" / "never")
    model = registry.load(registry.get_version(world, 1), world)
    rows = orders.orders()
    rows["score"] = positive_scores(model, rows[["size", "age"]])
    for span in tried.policy("never").spans:
        here = rows[(rows["asked_at"] >= span.start) & (rows["asked_at"] < span.end)]
        known = here[here["known_at"].notna()]
        assert (span.asked, span.answered, span.labelled) == (len(here), len(here), len(known))
        plain = roc_auc(known["late"].to_numpy(float), known["score"].to_numpy(float))
        assert span.metric == pytest.approx(plain, abs=1e-12)
        flagged = known["score"] >= 0.5
        assert span.worth == 3 * (flagged & known["late"]).sum() - 2 * (flagged & ~known["late"]).sum()


def test_the_project_itself_stays_as_it_was(shop: Project, before: dict[str, str], tried: Backtest) -> None:
    assert _own_files(shop) == before


def test_progress_tells_how_far_it_is(tried: Backtest, told: list[Progress]) -> None:
    assert {step.policy for step in told} == {"never", "performance", "strict", "broken"}
    assert told[-1].share == 1.0
    assert told[-1].left == timedelta(0)
    assert [step.share for step in told] == sorted(step.share for step in told)
    assert any("promoted" in step.event for step in told)


def test_what_is_finished_is_kept_and_what_is_torn_is_lived_again(shop: Project, tried: Backtest) -> None:
    again = orders.backtested(shop, ["never"], on_progress=lambda _: pytest.fail("nothing is to be done"))
    assert again.policies == (tried.policy("never"),)
    (Place.of(shop, "").root / "worlds" / "never" / "outcome.json").write_text("{")
    assert orders.backtested(shop, ["never"]).policies[0].decisions() == tried.policy("never").decisions()


def test_it_is_begun_anew_as_often_as_one_likes(shop: Project) -> None:
    """Each time two worlds find no tracking store, whatever this process knows of one that was removed."""
    still = [Policy(name, "", {"retraining.trigger": []}) for name in ("one", "other")]
    until = date(2026, 1, 29)
    once, again = (run(shop, still, name="anew", until=until, jobs=2, again=True) for _ in range(2))
    assert [each.days for each in again.policies] == [each.days for each in once.policies]


def test_outcomes_survive_json(tried: Backtest) -> None:
    assert Backtest.from_json(tried.to_json()) == tried


def test_the_same_seed_gives_the_same_bits(tried: Backtest, tmp_path: Path) -> None:
    other = orders.make_shop(tmp_path / "elsewhere" / "shop", orders.orders())
    until = date(2026, 2, 27)
    alone = orders.backtested(other, ["performance"], jobs=1, until=until).policies[0]
    together = tried.policy("performance")
    assert alone.trainings == 1
    assert alone.days == tuple(day for day in together.days if day.day < until)
    assert _until(alone, until - timedelta(days=1)) == _until(together, until - timedelta(days=1))


def _days() -> Iterator[date]:
    yield date(2026, 2, 23)  # on the eve of the first retraining
    yield date(2026, 3, 4)
    drawn = random.Random(0)
    while True:
        yield orders.SINCE + timedelta(days=drawn.randrange((orders.UNTIL - orders.SINCE).days - 1))


@pytest.mark.parametrize("day", [day for day, _ in zip(_days(), range(repeats(20, 2)), strict=False)])
def test_nothing_of_the_future_leaks(tried: Backtest, tmp_path: Path, day: date) -> None:
    """What becomes known after a day is turned into its contrary; what was decided by then stays."""
    other = orders.make_shop(tmp_path / "shop", orders.told_otherwise(orders.orders(), day))
    found = orders.backtested(other, ["performance"], until=min(day + timedelta(days=3), orders.UNTIL))
    assert _until(found.policies[0], day) == _until(tried.policy("performance"), day)
    days = {each.day: (each.version, each.asked) for each in found.policies[0].days if each.day <= day}
    expected = {each.day: (each.version, each.asked) for each in tried.policy("performance").days}
    assert days == {each: expected[each] for each in days}


def _until(outcome: PolicyOutcome, day: date) -> list[Event]:
    """The events up to the end of a day, without what was known only later."""
    return [replace(event, mattered=None) for event in outcome.events if event.at.date() <= day]


# -- other steps, and no first champion --------------------------------------------------------------


def test_an_hour_at_a_time_comes_to_the_same_days(shop: Project, tried: Backtest) -> None:
    told: list[Progress] = []
    still = Policy("hourly", "", {"retraining.trigger": []})
    until = orders.SINCE + timedelta(days=2)
    hourly = orders.backtested(shop, [still], until=until, step="hour", on_progress=told.append)
    assert (hourly.step, told[-1].done, told[-1].of) == ("hour", 48, 48)
    assert hourly.policies[0].days == tried.policy("never").days[:2]


def test_a_week_at_a_time_decides_when_a_week_is_over(shop: Project, tried: Backtest) -> None:
    still = Policy("weekly steps", "", {"retraining.trigger": []})
    weekly = orders.backtested(shop, [still], step="7d").policies[0]
    assert weekly.days == tried.policy("never").days
    raised = [event.at for event in weekly.events if event.kind == "alert"]
    assert raised
    assert all(at.isoweekday() == 1 or at.date() == orders.UNTIL for at in raised)
    assert {at.hour for at in raised} == {0}


def test_a_first_champion_that_cannot_be_trained_yet_is_said_in_a_line(
    shop: Project, tried: Backtest
) -> None:
    path = shop.root / "workbench.toml"
    text = path.read_text()
    path.write_text(text.replace("[retraining]\n", "[retraining]\nparameters = { broken = true }\n"))
    try:
        with pytest.raises(WorkbenchError) as raised:
            orders.backtested(open_project(shop.root), [Policy("untrained", "", {"retraining.trigger": []})])
    finally:
        path.write_text(text)
    said = raised.value.message
    assert said.startswith("policy untrained: no first champion came of what was known before 2026-01-15: ")
    assert "there is no such thing as a model; begin on a later day (--from), or mend that" in said
    assert "\n" not in said


def test_datasets_come_from_an_address_too(shop: Project) -> None:
    path = shop.root / "workbench.toml"
    text = path.read_text()
    path.write_text(f'{text}[stores]\ndata = "file://{shop.data_uri}"\n')
    try:
        place = orders.placed(open_project(shop.root), "remote")
        place.prepare(again=True)  # of which there is nothing yet
    finally:
        path.write_text(text)
    (version,) = Tables(place.shared.data_uri).history("orders")
    assert len(Tables(place.shared.data_uri).read(version)) == len(orders.orders())


# -- as a person types it ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def said(shop: Project, tried: Backtest) -> Said:
    """Two more policies, over a few days; whoever asks for the same again finds it finished."""
    return call(shop.root, "backtest", *TYPED, "--choose-until", "2026-01-28")


@pytest.mark.practice("L8")
def test_the_command_says_what_to_take_what_each_did_and_where_the_page_is(shop: Project, said: Said) -> None:
    assert said.status == 0, said.err
    answer, _, *table = said.out.splitlines()
    assert answer.startswith("Over 25 to 27 January 2026 no policy retrained, and all came to the same.")
    assert "Over 28 to 29 January 2026, which the choice had not seen, too little is known" in answer
    assert "more than monthly (95 %)" in table[0]
    rows = {line.split()[0]: line for line in table[1:3]}
    assert rows["monthly"].split()[:3] == ["monthly", "(chosen)", "–"]
    assert rows["declared"].split()[:3] == ["declared", "0", "0"]
    page = shop.state / "backtests" / "latest" / "index.html"
    assert f"page: {page}" in said.out
    assert page.stat().st_size > 100_000
    assert "✓ monthly  5 steps" in said.err
    assert "✓ declared  5 steps" in said.err
    assert "100 %" in said.err


def test_what_is_finished_is_told_again_as_json(shop: Project, said: Said) -> None:
    told = call(shop.root, "backtest", *TYPED, "--choose-until", "2026-01-27", "--json")
    assert (told.status, told.err) == (0, "")
    assert told.json["verdict"] == "unknown"
    assert told.json["choice"]["policy"] == "monthly"
    assert told.json["choice"]["seen"]["until"] == "2026-01-27"
    assert [item["trainings"] for item in told.json["policies"]] == [0, 0]
    assert Backtest.from_json((Path(told.json["page"]).parent / "backtest.json").read_text()).policies


# -- what cannot be ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "more", "expected"),
    [
        (["nevr"], {}, "no policy 'nevr' in [backtest.policies] of workbench.toml; did you mean 'never'?"),
        ([], {}, "no policy is named"),
        (["never", Policy("never")], {}, "two policies are called 'never'"),
        (
            [Policy("x", "", {"retraining.training_day": 3})],
            {},
            "policy x: retraining.training_day: no such key",
        ),
        ([Policy("x", "", {"gates.minimum_rows": "many"})], {}, "policy x: gates.minimum_rows: "),
        (["never"], {"step": "fortnight"}, "step fortnight: "),
        (["never"], {"since": date(2026, 3, 1), "until": date(2026, 2, 1)}, "is not before until"),
        (["never"], {"since": date(2027, 3, 1), "until": date(2027, 4, 1)}, "orders v0 holds 2026-01-01 to"),
        (["never"], {"since": date(2026, 1, 5)}, "a first champion could not learn"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    shop: Project, policies: list[Policy | str], more: dict[str, date], expected: str
) -> None:
    with pytest.raises(WorkbenchError) as raised:
        orders.backtested(shop, policies, name="wrong", **more)
    assert expected in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("was", "instead", "expected"),
    [
        ('known_at = "known_at"', "", "[backtest] has no known_at"),
        (
            'known_at = "known_at"',
            'known_at = "known"',
            "no column 'known' in orders v0; did you mean 'known_at'?",
        ),
        ('known_at = "known_at"', 'known_at = "size"', "column 'size' holds no times with a zone"),
        (
            'dataset = "orders"',
            'dataset = "order"',
            "no dataset 'order' in [backtest] dataset; did you mean 'orders'?",
        ),
        ('dataset = "orders"', "", "[backtest] has no dataset, and no phase has trained from one yet"),
        ('target = "late"', 'target = "asked_at"', "column 'asked_at' is no yes-or-no target"),
        ('target = "late"', 'target = "size"', "column 'size' is no yes-or-no target (0 and 1, or true and"),
    ],
)
def test_what_is_not_declared_is_said_in_a_line(shop: Project, was: str, instead: str, expected: str) -> None:
    path = shop.root / "workbench.toml"
    text = path.read_text()
    path.write_text(text.replace(was, instead))
    try:
        with pytest.raises(WorkbenchError) as raised:
            orders.backtested(open_project(shop.root), ["never"], name="wrong")
    finally:
        path.write_text(text)
    assert expected in raised.value.message
    assert "\n" not in raised.value.message
