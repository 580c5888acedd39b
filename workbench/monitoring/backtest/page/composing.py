"""The page put together: the answer on top, charts, what cannot be known, and how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.monitoring.backtest import figures
from workbench.monitoring.backtest.choosing import ROUNDS, Choice
from workbench.monitoring.backtest.page.answer import answer, heading
from workbench.monitoring.backtest.page.tables import detail_sections, ranking
from workbench.registry.card.document import Bullets, Cell, Facts, Image, Link, Page, Section, Text

if TYPE_CHECKING:
    from workbench.monitoring.backtest.outcome import Backtest, PolicyOutcome
    from workbench.monitoring.figures import Chart

__all__ = ["backtest_page", "render"]

_DPI, _NARROW_DPI = 170, 150
# With more candidates than this the best one's luck is worth a word.
_FEW = 5


def render(backtest: Backtest, choice: Choice, *, beside: Sequence[tuple[str, str]] = ()) -> str:
    """The page as HTML.

    Parameters
    ----------
    beside : sequence of (str, str)
        Files beside the page: what they are called, and their relative addresses.
    """
    from workbench.registry.card.html import as_html

    return as_html(backtest_page(backtest, choice, beside=beside))


def backtest_page(backtest: Backtest, choice: Choice, *, beside: Sequence[tuple[str, str]] = ()) -> Page:
    """The same in parts."""
    byline: list[Cell] = [
        f"{len(backtest.policies)} {'policies' if len(backtest.policies) > 1 else 'policy'}",
        choice.whole.name,
        *(Link(text, href) for text, href in beside),
    ]
    return Page(
        title=f"{backtest.project} · policy backtest",
        eyebrow=f"{backtest.project} / policy backtest {backtest.name}".rstrip(),
        heading=heading(choice),
        byline=tuple(byline),
        lead=answer(choice),
        trouble=tuple(_trouble(choice)),
        sections=(
            *((_worth(backtest, choice),) if backtest.unit else (_quality(backtest, choice),)),
            Section("Policies", tuple(ranking(backtest, choice))),
            *_pictures(backtest, choice),
            Section("What it cannot know", (Bullets(tuple(_unknown(backtest, choice))),)),
            *detail_sections(backtest, choice),
            Section("How it was made", (Facts(tuple(_made(backtest, choice))),)),
        ),
        footer=(
            f"Intervals of 95 %: days were drawn anew {ROUNDS:,} times, the same ones for all policies. "
            "The same history, policies and seed give the same decisions."
        ),
    )


def _trouble(choice: Choice) -> Iterator[str]:
    if choice.verdict == "did not hold":
        yield (
            f"“{choice.policy}” did not hold where it was checked: over {choice.unseen.name} "
            f"“{choice.unseen.best.policy}” was surely better."
        )


def _worth(backtest: Backtest, choice: Choice) -> Section:
    ranked = sorted(choice.whole.standings, key=lambda item: item.behind.value)
    told = ", ".join(f"{item.policy} {item.gain.value:+,.0f}" for item in ranked[:_FEW])
    alt = f"{backtest.unit} beyond {choice.plain}, day by day; at the end: {told}"
    return Section("What it was worth", (_image(figures.worth_over_time, backtest, choice, alt),))


def _quality(backtest: Backtest, choice: Choice) -> Section:
    alt = (
        f"{backtest.metric} by window with 95 % intervals, policy by policy, and when versions were promoted"
    )
    return Section("Quality over time", (_image(figures.quality_over_time, backtest, choice, alt),))


def _pictures(backtest: Backtest, choice: Choice) -> Iterator[Section]:
    if len(backtest.policies) > 1:
        yield Section("How sure that is", tuple(_how_sure(backtest, choice)))
    if backtest.unit:
        yield _quality(backtest, choice)
    alt = "When each policy retrained, promoted, refused and rolled back, and which of its alerts mattered"
    yield Section("What each policy did", (_image(figures.events_over_time, backtest, choice, alt),))
    if len({item.retrainings for item in choice.whole.standings}) > 2:
        alt = "What each policy came to against how often it retrained"
        yield Section("Worth against retrainings", (_image(figures.frontier, backtest, choice, alt),))


def _how_sure(backtest: Backtest, choice: Choice) -> Iterator[Image | Text]:
    alt = (
        f"How much better each policy was than {choice.plain}, with 95 % intervals, in both parts of the days"
    )
    yield _image(figures.gains, backtest, choice, alt)
    if len(backtest.policies) > _FEW:
        yield Text(
            f"The best of {len(backtest.policies)} policies looks better than it is on the days that it was "
            f"chosen on, since luck helped to choose it. The days that it was checked on know nothing of it."
        )


def _unknown(backtest: Backtest, choice: Choice) -> Iterator[tuple[str, str]]:
    yield (
        "What answers change",
        "what people did because of an answer is not in the history: the truth is taken to be the same "
        "whatever was answered",
    )
    yield (
        "Another year",
        f"{_days(choice)} of history; the intervals say how far its days could have fallen otherwise, not "
        f"how different a season to come may be",
    )
    if backtest.memory_note:
        yield ("How fresh memory is", backtest.memory_note)
    for note in sorted({item.first_version_note for item in backtest.policies}):
        if "although its gates" in note:
            yield (
                "A better beginning",
                f"{note.partition(':')[0]} (why is said at the end); all policies begin with it, and over a "
                "better one they may have gained less",
            )
    if refused := [item for item in backtest.policies if item.unanswered]:
        yield ("Not answered", _refused(backtest, refused))
    shared = set.intersection(*({*item.unknown} for item in backtest.policies))
    for text in sorted(shared):
        yield ("Labels", text)
    for item in backtest.policies:
        for text in item.unknown:
            if text not in shared:
                yield (item.policy, text)


def _refused(backtest: Backtest, items: Sequence[PolicyOutcome]) -> str:
    """How many rows which policies' models did not answer, and what these rows are taken for."""
    most = sorted(items, key=lambda item: -item.unanswered)
    told = ", ".join(f"{item.unanswered:,} under “{item.policy}”" for item in most[:_FEW])
    more = f" and some under {len(most) - _FEW} more" if len(most) > _FEW else ""
    asked = sum(day.asked for day in most[0].days)
    rule = (
        f"each counts as not flagged, so that all policies are valued on the same rows; the "
        f"{_plain(backtest)} knows of answers only"
        if backtest.unit
        else f"the {_plain(backtest)} knows of answers only, so policies are compared on different rows"
    )
    return f"of {asked:,} rows that were asked, {told}{more} got no answer: {rule}"


def _plain(backtest: Backtest) -> str:
    return backtest.metric.replace("_", " ")


def _days(choice: Choice) -> str:
    days, labelled = (choice.whole.until - choice.whole.since).days, choice.whole.days
    return f"{days} days" if labelled == days else f"{days} days, {labelled} of them with labels,"


def _made(backtest: Backtest, choice: Choice) -> Iterator[tuple[str, Cell]]:
    yield ("history", f"{choice.whole.name}, {backtest.pace} at a time")
    if len(backtest.policies) > 1:
        yield ("chosen on", choice.seen.name)
        yield ("checked on", choice.unseen.name if choice.unseen.since < choice.unseen.until else "nothing")
        yield (
            "the choice",
            "of the policies that the days cannot tell from the best, the one that retrains least",
        )
    if backtest.unit:
        yield (
            "worth",
            f"{backtest.unit}, as [gates.utility] declares it, of rows whose truth became known; one without "
            "an answer counts as not flagged",
        )
        yield ("a retraining costs", f"{choice.retraining_costs:,g} {backtest.unit}")
    else:
        yield (
            "compared by",
            f"{backtest.metric}, the mean of the days by their labels; no utility is declared",
        )
    yield ("computing", "what a policy's trainings would have taken by themselves, whoever else shared them")
    for note in sorted({item.first_version_note for item in backtest.policies} - {""}):
        yield ("first champion", note)
    for note in backtest.notes:
        yield ("note", note)


def _image(draw: Callable[..., Chart], backtest: Backtest, choice: Choice, alt: str) -> Image:
    narrow = draw(backtest, choice, narrow=True).png(_NARROW_DPI)
    return Image(draw(backtest, choice).png(_DPI), alt, narrow)
