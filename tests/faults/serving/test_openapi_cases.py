"""What Schemathesis makes of ``GET /openapi.json``: valid requests and wrong ones; none fails the server."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.faults.serving.served import PATHS, make_project, source
from tests.repeats import FULL, repeats
from workbench.serving import Server, start

pytestmark = pytest.mark.server

_PATHS = PATHS if FULL else ("compiled",)
_CASES = repeats(10_000, 200) // len(_PATHS)
_WITH_BODY = (
    *("POST /invocations", "POST /truth", "POST /feedback"),
    *("POST /v2/models/{model}/infer", "POST /v2/models/{model}/versions/{version}/infer"),
)
_LARGEST = (sys.float_info.max, -sys.float_info.max)
# Below a name that is drawn nothing is found; so half of the cases are below the right one.
_RIGHT = {"model": "tiny-model", "version": "1"}


@pytest.fixture(scope="module", params=_PATHS)
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("cases")
    set_hypothesis_home_dir(folder / "hypothesis")
    project = make_project(folder / "project")
    with start(project, champion=1, shadows=(2,), models=source(request.param), seconds=120) as server:
        yield server


def _schema(server: Server) -> BaseSchema:
    """The server's document, without the bounds of float64 themselves: what is beyond in decimals only, and
    rounded to a number within, is rightly taken."""
    document = requests.get(f"{server.url}/openapi.json", timeout=60).json()
    schema = schemathesis.openapi.from_dict(_without_largest(document))
    schema.config.update(base_url=server.url)
    return schema


def _without_largest(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _without_largest(value) for name, value in part.items() if value not in _LARGEST}
    return [_without_largest(value) for value in part] if isinstance(part, list) else part


def _operations(schema: BaseSchema) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    for found in schema.get_all_operations():
        yield found.ok()


def _run(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, most: int) -> Counter[int]:
    """Send so many cases of a kind, as far as there are so many; how often each status was answered."""
    statuses: Counter[int] = Counter()

    def send(case: Case) -> None:
        response = case.call(session=session)
        statuses[response.status_code] += 1
        # That CSV is well-formed or tensors fit together is nothing that a schema can say.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    how = settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=not FULL,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    right = {"path_parameters": _RIGHT} if "{version}" in operation.path else {}
    if operation.path.count("{") == 1:
        right = {"path_parameters": {"model": _RIGHT["model"]}}
    with requests.Session() as session:
        session.trust_env = False
        for fixed in (right, {}) if right else ({},):
            strategy = operation.as_strategy(generation_mode=mode, **fixed)
            try:
                how(given(case=strategy)(send))()
            except Unsatisfiable:  # nothing about a path without parameters can be wrong
                assert mode is GenerationMode.NEGATIVE
    return statuses


@pytest.mark.timeout(1200)
def test_no_case_fails_the_server_and_each_is_answered_as_it_says(server: Server) -> None:
    """Checked of each answer: no 5xx but what is documented, status, content type, headers and schema as
    documented; and that a request which breaks the schema is refused."""
    schema = _schema(server)
    before = server.health().counts
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    for operation in _operations(schema):
        for mode in GenerationMode if "{" in operation.path or operation.body else (GenerationMode.POSITIVE,):
            share = _CASES // 12 if operation.label in _WITH_BODY else _CASES // 60
            statuses[f"{operation.label} {mode.value}"] = _run(operation, mode, share + 1)
    assert sum(sum(found.values()) for found in statuses.values()) >= _CASES, statuses
    for operation in _WITH_BODY:
        # Few tensors that are drawn fit together.
        assert statuses[f"{operation} positive"][200] > 0 or (not FULL and "infer" in operation), statuses
        assert statuses[f"{operation} negative"][400] > 0, statuses
        assert statuses[f"{operation} negative"][200] == 0, statuses
    assert not any(status >= 500 for found in statuses.values() for status in found), statuses
    after = server.health()
    assert after.state == "ready"
    assert after.counts.failed == before.failed
    if FULL:
        print({name: dict(found) for name, found in statuses.items()})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_methods_that_a_path_does_not_know_are_told_so(server: Server, method: str) -> None:
    schema = _schema(server)
    known: dict[str, set[str]] = defaultdict(set)
    for operation in _operations(schema):
        known[operation.path.format(**_RIGHT)].add(operation.method.upper())
    with requests.Session() as session:
        session.trust_env = False
        for path, methods in known.items():
            answer = session.request(method, server.url + path, timeout=60)
            if method in methods | ({"HEAD"} if "GET" in methods else set()):
                assert answer.status_code in (200, 400, 415)
            else:
                assert answer.status_code == 405, f"{method} {path}"
                assert set(answer.headers["Allow"].split(", ")) >= methods
