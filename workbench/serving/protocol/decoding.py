"""JSON to typed structures, with every way of failing turned into one refusal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import msgspec

from workbench.serving.protocol.refused import Refused, shown

__all__ = [
    "check_columns",
    "check_keys",
    "check_nesting",
    "check_rows",
    "check_shared",
    "check_twice",
    "count_keys",
    "decode_json",
    "has_few_unknown",
    "keys_in",
    "only_known",
]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Smaller bodies cannot become much in memory.
_SMALL = 64 * 2**10
_BESIDE_ROWS = 1_000
_MOST_UNKNOWN = 1_000
_FEW_UNKNOWN = 16
# As many as there are in the largest body that is taken by default.
_MOST_SHARED = 16 * 2**20
# One that is never closed reaches to the end, or each quotation mark in it would be tried anew.
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_ANYTHING = msgspec.json.Decoder()
Decoded = TypeVar("Decoded")
Cells = TypeVar("Cells")


def decode_json(decoder: msgspec.json.Decoder[Decoded], body: bytes) -> Decoded:
    """The body as the decoder's type.

    Of a key that is given twice the last counts; see :func:`check_keys`. A byte order mark before the text is
    passed over. NaN and Infinity are no JSON, and so are numbers beyond float64 here.

    Raises
    ------
    Refused
        With 400 and one line, whatever the body is.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(400, _one_line(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the body is not JSON in UTF-8: {_one_line(error)}{_advice(body)}") from None
    except RecursionError:
        raise Refused(400, "the body is nested too deeply") from None


def check_keys(body: bytes, keys: int | None = None) -> None:
    """Refuse (400) an object that has a key twice: a decoder lets the last of them count.

    Parameters
    ----------
    keys : int, optional
        How many were found by whoever has decoded the body. With as many the body is not looked at twice;
        with others, which there are when fields were passed over, it is decoded once more.
    """
    # Exact but for keys with a space behind them, and quotation marks in texts; both are rare.
    seen = None if _has_spaced_key(body) else body.count(b'":')
    if keys is not None and seen == keys:
        return
    decoded = keys_in(decode_json(_ANYTHING, body))
    if seen != decoded and count_keys(body) > decoded:
        raise Refused(400, "an object has a key twice")


def keys_in(decoded: object) -> int:
    """How many keys there are in decoded JSON."""
    count, left = 0, [decoded]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            count += len(value)
            left += value.values()
        elif isinstance(value, list):
            left += value
    return count


def _has_spaced_key(body: bytes) -> bool:
    # Whether there is a byte at all is found far quicker than whether there are two.
    return (
        (b" " in body and b" :" in body)
        or (b"\n" in body and b"\n:" in body)
        or (b"\r" in body and b"\r:" in body)
        or (b"\t" in body and b"\t:" in body)
    )


def count_keys(text: bytes) -> int:
    """How many keys there are in JSON."""
    return _TEXT.sub(b"", text).count(b":")


def check_nesting(body: bytes, most_rows: int) -> None:
    """Refuse a large body (413) that has many more lists and objects than so many rows are, undecoded.

    An empty list is three bytes of JSON and sixty in memory: 16 MB of them would take 400 MB.
    """
    if len(body) < _SMALL or _opened(body) <= most_rows + _BESIDE_ROWS:
        return
    if _opened(_TEXT.sub(b"", body)) > most_rows + _BESIDE_ROWS:
        raise Refused(413, f"too many lists or objects in one request; at most {most_rows} rows are taken")


def _opened(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def check_rows(rows: int, most_rows: int) -> None:
    """Refuse a request without rows (400) or with too many (413)."""
    if rows == 0:
        raise Refused(400, "no rows to predict")
    if rows > most_rows:
        raise Refused(413, f"{rows} rows in one request; at most {most_rows} are taken")


def check_columns(count: int, known: Collection[str]) -> None:
    """Refuse (400) a request with far more columns than are known."""
    if count > len(known) + _MOST_UNKNOWN:
        raise Refused(400, f"{count} columns in one request; known are {len(known)}")


def has_few_unknown(count: int, known: Collection[str]) -> bool:
    """Whether so many columns are hardly more than the known ones."""
    return count <= len(known) + _FEW_UNKNOWN


def only_known(columns: Mapping[str, Cells], known: Collection[str], none: Cells) -> Mapping[str, Cells]:
    """The columns, those that no version knows with ``none`` for their cells.

    Their names are still to be refused or noted. Nobody looks at their cells, and those of many columns could
    take far more memory than the body does. Of a few they are kept: the version that answers may be a newer
    one, which knows them.
    """
    if has_few_unknown(len(columns), known):
        return columns
    return {name: cells if name in known else none for name, cells in columns.items()}


def check_shared(characters: int) -> int:
    """Refuse (413) texts that came once for many rows, if they are too large written out; how large they are.

    Whoever builds features, and the log, writes them out.
    """
    if characters > _MOST_SHARED:
        raise Refused(
            413, f"texts that stand for many rows are {characters} characters in all; at most {_MOST_SHARED}"
        )
    return characters


def check_twice(names: Sequence[str]) -> None:
    """Refuse names of which one occurs twice."""
    if len(set(names)) != len(names):
        [(twice, _)] = Counter(names).most_common(1)
        raise Refused(400, f"column {shown(twice)} is given twice")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:299] + "…"


def _advice(body: bytes) -> str:
    if b"NaN" in body or b"Infinity" in body:
        return " (JSON has no NaN and no Infinity; send null for a value that is missing)"
    return ""
