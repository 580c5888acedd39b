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

Scoring is bare ASGI, since routing would take longer than the answer; the rest is Starlette's. Errors are
``{"error_code": …, "message": one line}``.
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

from workbench.serving.http.head import Head, RequestIds
from workbench.serving.http.reply import JSON, Reply, failure
from workbench.serving.http.routes import Routes
from workbench.serving.http.service import Service
from workbench.serving.protocol.schema import Refused
from workbench.serving.settings import LOOPBACK

__all__ = ["App", "make_app"]


class App:
    """The application around a service; it starts and drains the service by its lifespan."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ids = RequestIds()
        self._only_loopback = service.settings.host in LOOPBACK
        self._routes = Routes(service)
        self._others = Starlette(
            routes=self._routes.listed(),
            lifespan=self._lifespan,
            exception_handlers={HTTPException: _http_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        arrived = time.perf_counter()
        head = Head.of(scope)
        request_id = self._ids.of(head)
        path = scope["path"]
        try:
            self._guard(path, head)
            if path != "/invocations" or scope["method"] != "POST":
                scope["state"] = {"head": head, "request_id": request_id, "arrived": arrived}
                await self._others(scope, receive, _naming(send, request_id))
                return
            reply = await self._routes.invocations(head, receive, arrived, request_id)
        except Exception as error:
            reply = failure(error, request_id, path)
        self._service.replied(reply.status, arrived)
        await reply.send(send, request_id)

    def _guard(self, path: str, head: Head) -> None:
        if self._only_loopback and not head.host_is_loopback:
            raise Refused(403, "this server answers only under the names of this machine itself")
        denied = self._service.keys.refusal(path, head.headers)
        if denied is not None:
            raise Refused(*denied)

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
