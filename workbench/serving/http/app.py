"""The HTTP application (ASGI): what comes in is bounded and checked, what goes out is logged already.

=======================  =========================================================================
``POST /invocations``    predict; MLflow's scoring protocol (``dataframe_split``, ``dataframe_records``)
``POST /truth``          ground truth for earlier predictions
``GET /ping``            200 while it can answer, 503 while it cannot
``GET /health``          :class:`~workbench.serving.http.health.Health`
``GET /version``         the workbench, the model and its version
=======================  =========================================================================

Predictions run in one thread and truth is written in another, so the event loop always has time to say
no. Errors are ``{"error_code": …, "message": one line}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from workbench import __version__
from workbench.errors import ServingError
from workbench.serving import truth
from workbench.serving.answering.answers import Answers, Call
from workbench.serving.answering.lane import Lane
from workbench.serving.answering.shadow import Shadows
from workbench.serving.http.health import Counts, Health, LogHealth
from workbench.serving.log.writer import LogFailed, LogWriter
from workbench.serving.models.loaded import Models
from workbench.serving.protocol.request import Refused, decode_truth
from workbench.serving.settings import LOOPBACK, Settings
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["Service", "make_app"]

_log = logging.getLogger(__name__)
_CODES = {
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


class Service:
    """What the routes share: the models, the log, and the counts."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        *,
        open_log: Callable[[str], LogWriter],
        log_name: str,
        database: Database,
        clock: Clock,
        project: str,
        code_version: str,
    ) -> None:
        limits = settings.limits
        self.settings, self.models, self.log_name = settings, models, log_name
        self.database, self.clock, self.project = database, clock, project
        self.shadows = Shadows(functools.partial(open_log, "shadow"), limits.shadow_rows)
        self.log = open_log("answers")
        self.answers = Answers(
            models,
            self.log,
            self.shadows,
            clock=clock,
            simulated=settings.simulated,
            code_version=code_version,
            limits=limits,
        )
        self.predicting = Lane("predict", self.answers.answer, limits.waiting)
        self.writing_truth = Lane("truth", self._record_truth, limits.waiting)
        self.counts = Counts()
        self.log_error = ""
        self.started_at = datetime.now(UTC)

    async def invocations(self, request: Request) -> Response:
        arrived = time.perf_counter()
        body = await _body(request, self.settings)
        try:
            answer = await self.predicting.run(Call(body, arrived))
        except LogFailed as error:
            self.log_error = error.message
            raise
        self.log_error = ""
        self._count(answered=1, rows=len(answer.predictions))
        return _json(answer)

    async def truth(self, request: Request) -> Response:
        body = await _body(request, self.settings)
        kept = await self.writing_truth.run(body)
        self._count(truth_rows=kept)
        return _json({"rows": kept})

    def _record_truth(self, bodies: list[bytes]) -> list[int | Exception]:
        outcomes: list[int | Exception] = []
        for body in bodies:
            default = None if self.settings.simulated else self.clock.now()
            try:
                rows = decode_truth(body, self.settings.limits.rows, default)
                outcomes.append(truth.record(self.database, self.log_name, rows, self.clock))
            except Exception as error:
                outcomes.append(error)
        return outcomes

    async def health(self, _: Request) -> Response:
        return _json(self.report())

    def report(self) -> Health:
        """What the server says about itself, now."""
        lineup, features = self.models.now, self.models.features
        champion = lineup.champion
        return Health(
            state="no_champion" if champion is None else "log_failed" if self.log_error else "ready",
            project=self.project,
            pid=os.getpid(),
            model=next((model.model for model in lineup.loaded), ""),
            champion=None if champion is None else champion.version,
            shadows=tuple(model.version for model in lineup.shadows),
            follows=self.models.follows,
            simulated=self.settings.simulated,
            started_at=self.started_at,
            log=LogHealth(not self.log_error, str(self.log.path.parent), self.log_name, self.log_error),
            counts=self.shadows.counted(self.counts),
            request=tuple(lineup.request.columns),
            memory=features.memory,
            problems=lineup.problems,
        )

    async def ping(self, _: Request) -> Response:
        return Response(b"\n", 200 if self.report().state == "ready" else 503, media_type="text/plain")

    async def version(self, _: Request) -> Response:
        report = self.report()
        champion = None if report.champion is None else str(report.champion)
        return _json({"workbench": __version__, "model": report.model, "model_version": champion})

    def count_error(self, status: int) -> None:
        self._count(**({"failed": 1} if status >= 500 else {"refused": 1}))

    def _count(self, **more: int) -> None:
        self.counts = replace(
            self.counts, **{name: getattr(self.counts, name) + by for name, by in more.items()}
        )

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """From the first request to a drained stop."""
        for part in (self.predicting, self.writing_truth, self.shadows, self.models):
            part.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._drain)

    def _drain(self) -> None:
        end = time.monotonic() + self.settings.limits.drain_seconds

        def left() -> float:
            return max(0.0, end - time.monotonic())

        self.models.stop()
        answered, recorded = self.predicting.stop(left()), self.writing_truth.stop(left())
        if not self.shadows.drain(left()):
            _log.warning("the shadows did not finish in time; what they had not predicted is lost")
        # A thread that hangs may still hold its file; what it acknowledged is on disk already.
        if answered:
            self.log.close()
        if recorded:
            self.database.close()


def make_app(service: Service) -> Starlette:
    """The ASGI application around a service; it starts and drains the service by its lifespan."""
    middleware = []
    if service.settings.host in LOOPBACK:
        middleware.append(Middleware(_LoopbackNamesOnly))
    return Starlette(
        routes=[
            Route("/invocations", _answering(service, service.invocations), methods=["POST"]),
            Route("/truth", _answering(service, service.truth), methods=["POST"]),
            Route("/ping", service.ping),
            Route("/health", service.health),
            Route("/version", service.version),
        ],
        middleware=middleware,
        exception_handlers={HTTPException: _http_error},
        lifespan=service.lifespan,
    )


class _LoopbackNamesOnly:
    """Refuses a page in somebody's browser that reaches a local server under a name of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
            name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
            if name not in LOOPBACK:
                refusal = _error(403, "this server answers only under the names of this machine itself")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _answering(
    service: Service, handler: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """The handler with every way of failing turned into one line, counted."""

    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            if refused.__cause__ is not None:
                _log.warning("refused: %s", refused.message, exc_info=refused.__cause__)
            response = _error(refused.status, refused.message)
        except ServingError as error:
            response = _error(503, error.message)
        except ClientDisconnect:
            response = _error(400, "the client went away")
        except Exception:
            _log.exception("a request failed")
            response = _error(500, "the server failed; its log says why")
        service.count_error(response.status_code)
        return response

    return answering


async def _body(request: Request, settings: Settings) -> bytes:
    most = settings.limits.body_bytes
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Refused(415, "send JSON in UTF-8 with the header Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "a compressed body is not taken; send it without Content-Encoding")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > most:
        raise Refused(413, f"the body is larger than {most} bytes")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.limits.body_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise Refused(413, f"the body is larger than {most} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {settings.limits.body_seconds:g} s") from None
    return b"".join(chunks)


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _error(status: int, message: str) -> Response:
    response = _json({"error_code": _CODES.get(status, "BAD_REQUEST"), "message": message}, status)
    if status in (429, 503):
        response.headers["Retry-After"] = "1"
    return response


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, str(error.detail))
