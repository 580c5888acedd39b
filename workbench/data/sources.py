"""External sources: pulled, checked, and only then kept as a dataset version.

A source names a function that loads it and a pandera schema that it is held against. Key and
freshness are checked besides. Nothing is written when a check fails, so the last good version stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from workbench.data import changes, tables
from workbench.errors import CheckFailed, SourceError, WorkbenchError
from workbench.store.hashing import hash_file, hash_value

if TYPE_CHECKING:
    import pandas as pd

    from workbench.config import SourceConfig
    from workbench.project import Project

__all__ = ["Check", "Pull", "check", "fingerprint", "load"]


_ASK_SECONDS = 10.0


@dataclass(frozen=True)
class Check:
    """One sanity check of a source and how it went."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Pull:
    """A source that was pulled and passed its checks."""

    source: str
    description: str
    version: tables.DatasetVersion
    previous: tables.DatasetVersion | None
    changes: changes.Changes | None
    checks: tuple[Check, ...] = field(repr=False)

    @property
    def unchanged(self) -> bool:
        """Whether the version before held the same content."""
        return self.previous is not None and self.version.content == self.previous.content

    @property
    def news(self) -> str:
        """What is new since the version before, in words."""
        if self.previous is None:
            return "first version"
        if self.unchanged:
            return f"unchanged since v{self.previous.version}"
        return f"since v{self.previous.version}: {self.changes}"

    def _repr_html_(self) -> str:
        grouped: dict[str, list[str]] = {}
        for check in self.checks:
            subject, _, what = check.name.partition(": ")
            grouped.setdefault(subject, []).append(what + (f" ({check.detail})" if check.detail else ""))
        rows = "".join(
            f"<tr><th>{escape(subject)}</th><td>✓ {escape(' · '.join(whats))}</td></tr>"
            for subject, whats in grouped.items()
        )
        return (
            f"<p><b>{escape(str(self.version))}</b>: {self.version.rows:,} rows · {escape(self.news)} · all "
            f"{len(self.checks)} checks passed · content <code>{self.version.content[:12]}</code></p>"
            f"<details><summary>the checks</summary><table><tbody>{rows}</tbody></table></details>"
        )


def load(project: Project, name: str) -> pd.DataFrame:
    """Pull the source called ``name``, unchecked.

    Raises
    ------
    SourceError
        When its function raises or returns no DataFrame.
    """
    import pandas as pd

    function = project.resolve(project.source(name).load)
    try:
        frame = function()
    except WorkbenchError:
        raise
    except Exception as error:
        raise SourceError(f"source {name!r} could not be pulled: {type(error).__name__}: {error}") from error
    if not isinstance(frame, pd.DataFrame):
        raise SourceError(f"source {name!r} returned {type(frame).__name__}, not a DataFrame")
    return frame.reset_index(drop=True)


def fingerprint(project: Project, name: str) -> str:
    """What tells, without pulling it, whether a source is what it was; empty when nothing does.

    It covers how the source is declared, so that a changed declaration is a changed source.

    Raises
    ------
    SourceError
        When what ``[sources.NAME.fingerprint]`` names cannot be asked.
    """
    source = project.source(name)
    declared = source.fingerprint
    if declared is None:
        return ""
    try:
        if declared.package:
            told = version(declared.package)
        elif declared.files:
            found = {path for pattern in declared.files for path in project.root.glob(pattern)}
            told = hash_value({str(path): hash_file(path) for path in found if path.is_file()})
        elif declared.url:
            told = _ask(declared.url)
        else:
            told = str(project.resolve(declared.function)())
    except Exception as error:
        raise SourceError(
            f"source {name!r}: its fingerprint cannot be had: {type(error).__name__}: {error}"
        ) from error
    return hash_value([told, source.model_dump(mode="json", exclude={"description"})]) if told else ""


def _ask(url: str) -> str:
    """What a server says of an address without sending it; empty when it says nothing that tells."""
    from urllib.request import Request, urlopen

    with urlopen(Request(url, method="HEAD"), timeout=_ASK_SECONDS) as answer:
        said = answer.headers
        return said.get("ETag") or " ".join(
            filter(None, (said.get("Last-Modified"), said.get("Content-Length")))
        )


def check(project: Project, name: str, frame: pd.DataFrame, now: datetime) -> tuple[Check, ...]:
    """Hold a pulled source against its schema, its key and its declared freshness.

    Raises
    ------
    CheckFailed
        With every failed check in the details.
    """
    source = project.source(name)
    results = [
        *_schema(project.resolve(source.check), frame),
        _key(frame, source.key),
        *_freshness(frame, source, now),
    ]
    failed = [result for result in results if not result.passed]
    if failed:
        raise CheckFailed(
            f"source {name!r} failed {len(failed)} of {len(results)} checks, first: {failed[0].name}: "
            f"{failed[0].detail}; nothing was written, the last good version stays",
            details="\n".join(f"✗ {result.name}: {result.detail}" for result in failed),
        )
    return tuple(results)


def _schema(schema: Any, frame: pd.DataFrame) -> list[Check]:
    import pandera.errors

    names = [f"{column}: {schema.columns[column].dtype or 'any type'}" for column in schema.columns]
    names += [
        f"{column}: {_name(item)}" for column in schema.columns for item in schema.columns[column].checks
    ]
    names += [f"table: {_name(item)}" for item in schema.checks]
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        grouped = cases.groupby([cases["column"].astype("str"), cases["check"].astype("str")], sort=False)
        return [
            Check(
                f"{column}: {what}",
                False,
                f"{len(group):,} cases, such as {', '.join(map(repr, group['failure_case'].head(3)))}",
            )
            for (column, what), group in grouped
        ]
    return [Check(name, True) for name in names]


def _name(item: Any) -> str:
    return str(item.error or item.name or item)


def _key(frame: pd.DataFrame, key: tuple[str, ...]) -> Check:
    name = f"key is unique: {', '.join(key)}"
    absent = [column for column in key if column not in frame.columns]
    if absent:
        return Check(name, False, f"no column {absent[0]!r}")
    repeated = int(frame.duplicated(list(key)).sum())
    return Check(
        name, repeated == 0, f"{repeated:,} rows repeat a key" if repeated else f"{len(frame):,} keys"
    )


def _freshness(frame: pd.DataFrame, source: SourceConfig, now: datetime) -> list[Check]:
    import pandas as pd

    wanted = source.freshness
    if wanted is None:
        return []
    if wanted.column not in frame.columns:
        return [Check("freshness", False, f"no column {wanted.column!r}")]
    newest = pd.to_datetime(frame[wanted.column], utc=True).max()
    results = []
    if wanted.until:
        reached = newest >= pd.Timestamp(wanted.until, tz="UTC")
        results.append(Check(f"reaches {wanted.until}", bool(reached), f"newest {wanted.column}: {newest}"))
    if wanted.max_age:
        age = pd.Timestamp(now) - newest
        fresh = age <= pd.Timedelta(wanted.max_age)
        results.append(
            Check(f"no older than {wanted.max_age}", bool(fresh), f"newest {wanted.column}: {newest}")
        )
    return results
