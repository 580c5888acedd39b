"""What a body is, by its header ``Content-Type``."""

from __future__ import annotations

from typing import Literal

from workbench.serving.protocol.refused import Refused, shown

__all__ = ["ARROW", "CSV", "JSON", "MediaType", "media_type"]

MediaType = Literal["application/json", "text/csv", "application/vnd.apache.arrow.stream"]
JSON: MediaType = "application/json"
CSV: MediaType = "text/csv"
ARROW: MediaType = "application/vnd.apache.arrow.stream"
_TAKEN: dict[str, MediaType] = {JSON: JSON, CSV: CSV, ARROW: ARROW}
_OLD = "format"


def media_type(content_type: str) -> MediaType:
    """The media type that is taken here.

    As with MLflow, the only charset is UTF-8 and there is no other parameter; ``format=pandas-split``
    of the time before MLflow 2 is refused.

    Raises
    ------
    Refused
        With 415.
    """
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    taken = _TAKEN.get(kind.lower())
    if taken is None:
        raise Refused(
            415, f"the content type {shown(content_type)} is not taken; known are {', '.join(_TAKEN)}"
        )
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.lower() == "charset":
            if value.strip('"').lower() not in ("utf-8", "utf8"):
                raise Refused(415, f"the charset {shown(value)} is not taken; send UTF-8")
        elif name:
            old = " (MLflow 2 took it out of the protocol)" if name == _OLD else ""
            raise Refused(415, f"the content type's parameter {shown(name)} is not taken{old}")
    return taken
