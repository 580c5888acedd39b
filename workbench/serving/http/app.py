"""The HTTP application (ASGI): what comes in is bounded and checked, what goes out is logged already.

==================================  =======================================================================
``POST /invocations``               predict; MLflow's scoring protocol, and Arrow streams
``POST /v2/models/{model}/infer``   predict; the Open Inference Protocol, with its metadata and health
``POST /truth``                     ground truth for earlier predictions
``POST /feedback``                  what people think of an answer
``GET /ping``                       200 while it can answer, 503 while it cannot
``GET /health``                     :class:`~workbench.serving.health.Health`
``GET /version``                    the workbench, the model and its version
``GET /openapi.json``               all of it, for machines, with examples
``GET /metrics``                    for Prometheus
==================================  =======================================================================

What asks for scores is answered by its connection (:mod:`.exchange`), since routing would take longer than
the answer; the rest is Starlette's. Errors are ``{"error_code": …, "message": one line}``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from workbench.serving.http.entrance import Entrance
from workbench.serving.http.exchange import Scoring
from workbench.serving.http.head import Head
from workbench.serving.http.reply import JSON, Reply, failure
from workbench.serving.http.routes import Routes
from workbench.serving.http.service import Service
from workbench.serving.protocol.refused import Refused

__all__ = ["App", "make_app"]


class App:
    """The application around a service; it starts and drains the service by its lifespan.

    Attributes
    ----------
    scoring : Scoring
        What connections answer requests for scores with.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._entrance = Entrance(service.settings, service.keys)
        self.scoring = Scoring(service, self._entrance)
        self._routed = Starlette(
            routes=Routes(service, self._entrance).listed(),
            lifespan=self._lifespan,
            exception_handlers={HTTPException: _http_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            head = Head.of(scope["headers"])
            request_id = self._entrance.request_id(head)
            scope["state"] = {"head": head, "request_id": request_id, "arrived": time.perf_counter()}
            send = _naming(send, request_id)
            try:
                self._entrance.check(scope["path"], head)
            except Refused as refused:
                reply = failure(refused, request_id, scope["path"])
                self._service.replied(reply.status, scope["state"]["arrived"])
                await reply.response()(scope, receive, send)
                return
        await self._routed(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """From the first request to a drained stop."""
        await self._service.start()
        try:
            yield
        finally:
            await self._service.drain()


def make_app(service: Service) -> App:
    """The ASGI application around a service."""
    return App(service)


def _naming(send: Send, request_id: str) -> Send:
    """``send`` that adds the request's id to the head of the response."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("ascii"))]
        await send(message)

    return sending


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reply = Reply.error(error.status_code, str(error.detail), request.url.path)
    headers = {**dict(error.headers or {}), "content-type": JSON.decode()}
    return Response(reply.body, reply.status, headers)
