"""How a request for scores is decoded, by the versions that answer now."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.unit.serving import tiny_helpers as tiny
from tests.unit.serving.tiny import rows
from workbench.registry.compile import Path
from workbench.serving.http.head import Head
from workbench.serving.http.questions import INVOCATIONS, Questions
from workbench.serving.models.lineup import Lineup, Pinned
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.payload import requests_for
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.refused import Refused
from workbench.serving.protocol.schema import RequestSchema

BUILDER = FeatureBuilder(tiny.build)
HEAD = Head.of([(b"content-type", b"application/json")])


def loaded(version: int) -> LoadedModel:
    path = Path(None, "as a test wants it")
    return LoadedModel("tiny", version, "run", tiny.fitted(version), BUILDER, tiny.REQUEST, path)


def asked(lineup: Lineup, body: bytes, path: str = INVOCATIONS) -> Asked:
    return Questions(Pinned(lineup, BUILDER), 10_000).decode(path, HEAD, body).asked


@pytest.mark.parametrize("body", [*requests_for(rows(1)), b'{"inputs": {"a": [0, 0], "b": 0}}', b"{"])
def test_as_long_as_nobody_could_answer_nothing_is_decoded(body: bytes) -> None:
    with pytest.raises(Refused, match="no version is champion yet") as refused:
        asked(Lineup(), body)
    assert refused.value.status == 503


@pytest.mark.parametrize("path", [INVOCATIONS, "/v2/models/tiny/infer"])
def test_columns_are_known_that_any_version_knows(path: str) -> None:
    wider = RequestSchema({**tiny.REQUEST.columns, "weight": "number"})
    lineup = Lineup(loaded(1), (replace(loaded(2), request=wider),))
    others = [f"x{number}" for number in range(17)]  # of a few the cells are kept
    columns = {"colour": ["red"] * 2, "size": [1, 2], "ordered": [None] * 2, "weight": [3, 4]}
    columns |= {name: [5, 6] for name in others}
    kinds = {"colour": "BYTES", "ordered": "BYTES"}
    tensors = [
        {"name": name, "shape": [2], "datatype": kinds.get(name, "FP64"), "data": cells}
        for name, cells in columns.items()
    ]
    content = {"inputs": columns if path == INVOCATIONS else tensors, "params": {"version": 2}}
    decoded = asked(lineup, json.dumps(content).encode(), path).columns
    assert {name: len(cells) for name, cells in decoded.items()} == {
        **dict.fromkeys(wider.columns, 2),
        **dict.fromkeys(others, 0),
    }
