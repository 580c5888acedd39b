"""What every static page of ours has in common: its policy, its style sheet and how it says things.

A page is one file. It runs no script and fetches nothing, so it opens from a disk, from a mail and
from a server alike; :data:`CONTENT_SECURITY_POLICY` makes the browser hold it to that.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["CONTENT_SECURITY_POLICY", "duration", "environment", "moment", "short", "stylesheet"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_TEMPLATES = Path(__file__).parent / "templates"


@cache
def stylesheet() -> str:
    """The one style sheet, inlined into each page."""
    return (_TEMPLATES / "page.css").read_text(encoding="utf-8")


@cache
def environment(templates: Path | None = None) -> Environment:
    """Jinja with escaping on for everything; ``templates`` is a folder besides our own."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    jinja = Environment(
        loader=FileSystemLoader([folder for folder in (templates, _TEMPLATES) if folder]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters.update(duration=duration, moment=moment, short=short)
    jinja.globals.update(policy=CONTENT_SECURITY_POLICY, stylesheet=Markup(stylesheet()))
    jinja.get_template("page.html.j2")  # compiled here and kept, as those that extend it are
    return jinja


def moment(time: datetime | None) -> str:
    """A time as people write it, in UTC."""
    if time is None:
        return "–"
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    time = time.astimezone(UTC)
    return f"{time.day} {time:%b %Y, %H:%M} UTC"


def duration(seconds: float | None) -> str:
    """A duration as people say it: ``0.4 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short(identity: str) -> str:
    """The start of a long hash or id; what follows a ``+`` in a code version stays."""
    name, plus, rest = identity.partition("+")
    return f"{name[:12]}{'…' if len(name) > 12 else ''}{plus and ' + '}{rest}"
