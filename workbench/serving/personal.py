"""Personal columns: what the prediction log keeps in place of their values.

A pseudonym is the same for the same value wherever it stands, so that rows of one person can be counted and
joined, and it tells nothing without the project's own key: ``.workbench/pseudonyms.key``, made when it is
first needed and readable by its owner only. Whoever removes that file breaks the link for good. Machines that
share a log need a copy of the same file.

Raw inputs are concealed, and only in the log. Features are logged as the model got them, so a personal column
may not be one: :meth:`~workbench.config.ServingConfig.check_columns` holds that by name, and what a feature
is computed from is for the project's own ``build`` to answer for.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import ServingError
from workbench.project import Project

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KEY_FILE", "Pseudonyms", "concealer"]

KEY_FILE = "pseudonyms.key"

_BYTES = 32
_DIGITS = 16  # 64 bits: among a million people, two share a pseudonym once in 37 million projects
_MOST_KEPT = 100_000
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)")


class Pseudonyms:
    """Stable pseudonyms by HMAC-SHA256; safe to share between threads."""

    def __init__(self, key: bytes) -> None:
        self._hmac = hmac.new(key, digestmod=hashlib.sha256)
        self._kept: dict[object, str] = {}

    @classmethod
    def open(cls, project: Project) -> Pseudonyms:
        """With the project's key, which is made if there is none; two that start at once get the same.

        Raises
        ------
        ServingError
            The key cannot be read or written, is damaged, or others may read it.
        """
        path = project.state / KEY_FILE
        try:
            if not path.exists():
                _make(path)
            if path.stat().st_mode & 0o077:
                raise ServingError(f"others may read {path}, which undoes pseudonyms: chmod 600 {path}")
            text = path.read_text(encoding="ascii").strip()
            key = bytes.fromhex(text)
        except OSError as error:
            raise ServingError(f"the key of pseudonyms {path} cannot be used: {error.strerror}") from error
        except ValueError:
            key = b""
        if len(key) != _BYTES:
            raise ServingError(
                f"{path} is damaged; restore it, or remove it and give everybody a new pseudonym from now on"
            )
        return cls(key)

    def of(self, cell: object) -> str | None:
        """The pseudonym of one value, such as ``p-5f0c…``; None of a missing one.

        1545 and 1545.0 are the same value, and so is one moment in different zones, be it a time or ISO text.
        """
        if cell is None or cell != cell:  # NaN
            return None
        found = self._kept.get(cell)
        if found is None:
            digest = self._hmac.copy()
            digest.update(_text(cell).encode("utf-8", "surrogatepass"))
            found = f"p-{digest.hexdigest()[:_DIGITS]}"
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[cell] = found
        return found

    def apply(self, columns: dict[str, NDArray[Any]], personal: Collection[str]) -> dict[str, NDArray[Any]]:
        """The columns with the values of ``personal`` ones replaced; the others are the same arrays.

        Returns
        -------
        dict of str to ndarray
            What was a personal number or time is text there, too.
        """
        concealed = dict(columns)
        for name in personal:
            if name in columns:
                cells = columns[name].tolist()
                concealed[name] = np.array([self.of(cell) for cell in cells], dtype=object)
        return concealed


def concealer(project: Project) -> Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]] | None:
    """What conceals the columns that ``[serving] personal`` names; None when it names none."""
    personal = project.config.serving.personal
    if not personal:
        return None
    pseudonyms = Pseudonyms.open(project)
    return lambda columns: pseudonyms.apply(columns, personal)


def _text(cell: object) -> str:
    """The same text for the same value, however it came."""
    if isinstance(cell, bool | int | float):
        return str(int(cell)) if cell == cell and abs(cell) != np.inf and cell == int(cell) else repr(cell)
    if isinstance(cell, str) and _ISO_TIME.fullmatch(cell):
        with contextlib.suppress(ValueError, OverflowError):
            return _text(datetime.fromisoformat(cell))
    if isinstance(cell, datetime):
        moment = cell.astimezone(UTC) if cell.tzinfo else cell
        return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return str(cell)


def _make(path: Path) -> None:
    """Write a new key, unless somebody else was faster: a link is made whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_bytes(_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
