"""JSON to typed structures, with every way of failing turned into one refusal."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TypeVar

import msgspec

from workbench.serving.protocol.refused import Refused, shown

__all__ = ["check_keys", "check_nesting", "check_rows", "check_twice", "count_keys", "decode_json"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Smaller bodies cannot become much in memory.
_SMALL = 64 * 2**10
_BESIDE_ROWS = 1_000
# One that is never closed reaches to the end, or each quotation mark in it would be tried anew.
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
Decoded = TypeVar("Decoded")


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


def check_keys(body: bytes, keys: int, known: Collection[str]) -> None:
    """Refuse (400) an object that has a key twice: a decoder lets the last of them count.

    Parameters
    ----------
    keys : int
        How many the structures have that the ``known`` fields of the body were decoded to, their own names
        included. Other fields are passed over.
    """
    # Exact but for keys with a space behind them, and quotation marks in texts; both are rare.
    # Whether there is a byte at all is found far quicker than whether there are two.
    spaced = any(space in body and space + b":" in body for space in (b" ", b"\n", b"\r", b"\t"))
    if body.count(b'":') == keys and not spaced:
        return
    others = (raw for name, raw in decode_json(_FIELDS, body).items() if name not in known)
    if count_keys(body) > keys + sum(1 + count_keys(bytes(raw)) for raw in others):
        raise Refused(400, "an object has a key twice")


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


def check_twice(names: Sequence[str]) -> None:
    """Refuse names of which one occurs twice."""
    if len(set(names)) != len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise Refused(400, f"column {shown(twice)} is given twice")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:299] + "…"


def _advice(body: bytes) -> str:
    if b"NaN" in body or b"Infinity" in body:
        return " (JSON has no NaN and no Infinity; send null for a value that is missing)"
    return ""
