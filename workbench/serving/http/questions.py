"""The paths that ask for scores: which protocol each speaks, how a request is decoded, its answer encoded.

==================================  =======================================================================
``POST /invocations``               MLflow's scoring protocol, and Arrow streams
``POST /v2/models/{model}/infer``   the Open Inference Protocol; also with ``/versions/{version}``
==================================  =======================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from workbench.serving.answering.call import Answer
from workbench.serving.http.head import Head
from workbench.serving.http.oip_routes import find_model, read_version
from workbench.serving.models.lineup import Lineup, Models
from workbench.serving.protocol import mlflow, oip
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.content import ARROW, JSON, media_type
from workbench.serving.protocol.refused import Refused
from workbench.tracking.models import scores_of

__all__ = ["INVOCATIONS", "SCORING", "Question", "Questions", "asks_for_scores", "only_json"]

INVOCATIONS = "/invocations"
#: The paths as routes have them.
SCORING = (INVOCATIONS, "/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer")
_INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


def asks_for_scores(path: str) -> bool:
    """Whether a POST to this path asks for scores."""
    return path == INVOCATIONS or _INFER.fullmatch(path) is not None


class Question(NamedTuple):
    """A decoded request, and how its answer is written."""

    asked: Asked
    encode: Callable[[Answer], bytes]
    kind: str = JSON


class Questions:
    """Decodes what is asked of the versions that answer now."""

    def __init__(self, models: Models, most_rows: int) -> None:
        self._models, self._most_rows = models, most_rows
        self._seen: tuple[Lineup | None, frozenset[str]] = (None, frozenset())

    def decode(self, path: str, head: Head, body: bytes) -> Question:
        """What a request to one of these paths wants to know.

        Raises
        ------
        Refused
            It cannot be answered as it is.
        """
        if path == INVOCATIONS:
            return self._invocation(head, body)
        found = _INFER.fullmatch(path)
        assert found is not None
        return self._infer(head, body, found[1], found[2])

    def _invocation(self, head: Head, body: bytes) -> Question:
        kind, wanted = head.text(b"content-type"), head.text(b"accept")
        lineup = self._models.now
        if not lineup.loaded:
            raise Refused(503, "no version is champion yet; promote one: workbench promote VERSION")
        asked = mlflow.decode(body, kind, lineup.names, self._most_rows, self._known(lineup))
        if (kind.startswith(ARROW) and not wanted.startswith("application/json")) or wanted.startswith(ARROW):
            return Question(asked, _as_arrow, ARROW)
        return Question(asked, _as_json)

    def _infer(self, head: Head, body: bytes, name: str, given: str | None) -> Question:
        only_json(head)
        version = read_version(given)
        lineup = self._models.now
        model = find_model(lineup, name, version)
        lengths = head.headers.get(b"inference-header-content-length")
        infer = oip.decode(
            body,
            tuple(model.request.columns),
            self._most_rows,
            known=self._known(lineup),
            version=version,
            header_length=None if lengths is None else lengths.decode("latin-1"),
        )
        if oip.PROBABILITIES in infer.outputs and not model.classes:
            raise Refused(400, f"{model.model} is a regressor and has no output {oip.PROBABILITIES!r}")

        def encode(answer: Answer) -> bytes:
            return oip.encode(
                answer.outputs,
                answer.prediction_ids,
                answer.version,
                model=model.model,
                classes=answer.classes,
                id=infer.id,
                wanted=infer.outputs,
                notes=answer.notes,
            )

        return Question(infer.asked, encode)

    def _known(self, lineup: Lineup) -> frozenset[str]:
        """The columns of all versions of a line-up, any of which may be asked."""
        seen, known = self._seen
        if seen is not lineup:
            known = frozenset(name for model in lineup.loaded for name in model.request.columns)
            self._seen = lineup, known
        return known


def only_json(head: Head) -> None:
    """Refuse what is no JSON (415)."""
    if media_type(head.text(b"content-type")) != JSON:
        raise Refused(415, "send JSON in UTF-8 with the header Content-Type: application/json")


def _as_json(answer: Answer) -> bytes:
    return mlflow.encode(answer.outputs, answer.prediction_ids, answer.version, answer.notes)


def _as_arrow(answer: Answer) -> bytes:
    from workbench.serving.protocol import arrow

    return arrow.encode(
        answer.outputs,
        answer.prediction_ids,
        answer.version,
        score=scores_of(answer.outputs),
        classes=answer.classes,
        notes=answer.notes,
    )
