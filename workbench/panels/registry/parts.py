"""What stands below the versions: one part at a time, of the version that is chosen."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from workbench.panels.markup import CELL, problem
from workbench.panels.registry import tables
from workbench.panels.shown_report import page_frame
from workbench.panels.telling import in_words

if TYPE_CHECKING:
    from workbench.panels.registry.panel import RegistryPanel
    from workbench.registry.approvals import Tally
    from workbench.registry.versions import ModelVersion

__all__ = ["CARD", "DELTA", "GATES", "LEDGER", "PARTS", "html"]

GATES, LEDGER, DELTA, CARD = "gates", "ledger", "delta", "card"
#: The parts by name, in the order of their tabs.
PARTS = (GATES, LEDGER, DELTA, CARD)
_SOFT = "opacity: .7"


def html(panel: RegistryPanel, part: str) -> str:
    """A part as markup; one line where it cannot be shown."""
    ways: dict[str, Callable[[RegistryPanel], str]] = {
        GATES: _gates,
        LEDGER: lambda panel: tables.ledger(panel.known),
        DELTA: _delta,
        CARD: _card,
    }
    try:
        return ways[part](panel)
    except Exception as error:
        return problem(in_words(error, panel.project))


def _gates(panel: RegistryPanel) -> str:
    from workbench.registry import approvals
    from workbench.registry.aliases import CHAMPION
    from workbench.registry.gates.render import validation_html

    version = panel.version
    if version is None:
        return ""
    try:
        validation = panel.validation()
        gates = (
            validation_html(validation) if validation else problem("its gates lie in a store that is away")
        )
    except Exception as error:
        gates = problem(f"its gates cannot be read: {in_words(error, panel.project)}")
    if panel.away:
        return _head(version) + gates
    return _head(version) + gates + _approvals(approvals.tally(panel.project, version, CHAMPION))


def _head(version: ModelVersion) -> str:
    """Which one it is, and how it is served."""
    size = version.tag("size_bytes")
    path, why = version.tag("serving_path"), version.tag("serving_path_why")
    facts = [
        f"<b>{escape(str(version))}</b>",
        escape(version.tag("kind")),
        f"{int(size) / 1e6:.2f} MB" if size.isdecimal() and len(size) < 16 else "",
        f"SHA-256 <code>{escape(version.sha256[:12])}</code>" if version.sha256 else "no hash was recorded",
        f"trained by run <code>{escape(version.run_id[:8])}</code>" if version.run_id else "",
        f'served by the {escape(path)} path <span style="{_SOFT}">({escape(why)})</span>' if path else "",
    ]
    return f"<p>{' · '.join(filter(None, facts))}</p>"


def _approvals(found: Tally) -> str:
    rows = "".join(
        f'<tr><td style="{CELL}">{vote.at:%Y-%m-%d %H:%M}</td><td style="{CELL}">{escape(str(vote.who))}</td>'
        f'<td style="{CELL}">{escape(vote.note)}</td><td style="{CELL}">{escape(vote.state)}</td></tr>'
        for vote in found.found
    )
    table = f'<table style="border-collapse: collapse; margin: 0">{rows}</table>' if rows else ""
    return f"<p><b>Approvals</b> {len(found.counted)} of {found.needed} that champion needs</p>{table}"


def _delta(panel: RegistryPanel) -> str:
    from workbench.registry.card.html import fragment

    if panel.version is None or panel.against is None:
        return "<p>Two versions are needed to see where they disagree.</p>"
    pair = f"v{panel.against} and v{panel.version.version}"
    found = panel.delta
    if found is None:
        return f"<p>Where {pair} disagree has not been measured here; that takes some seconds.</p>"
    return fragment(found.page)


def _card(panel: RegistryPanel) -> str:
    from workbench.registry.card.html import fragment

    if panel.version is None:
        return ""
    if panel.card is not None:
        return fragment(panel.card.page)
    written = panel.card_file
    if written is None:
        return f"<p>{escape(str(panel.version))} has no card yet; to write one takes some seconds.</p>"
    return page_frame(written, "card")
