"""What each route does: decode, ask, encode. Requests for scores do not come here: see :mod:`.exchange`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive

from workbench import __version__
from workbench.serving.http.entrance import Body, Entrance
from workbench.serving.http.oip_routes import OipRoutes
from workbench.serving.http.questions import SCORING, only_json
from workbench.serving.http.reply import Reply, failure
from workbench.serving.http.service import Service
from workbench.serving.protocol.refused import Refused

__all__ = ["Routes"]

_Handler = Callable[[Request, bytes], Awaitable[Reply]]


class Routes:
    """The handlers around a service."""

    def __init__(self, service: Service, entrance: Entrance) -> None:
        self._service, self._entrance = service, entrance
        self._oip = OipRoutes(service)

    def listed(self) -> list[Route]:
        """All of them; those that ask for scores are there for other methods' 405."""
        found = [
            *(Route(path, _answered_before, methods=["POST"]) for path in SCORING),
            self._post("/truth", self._truth),
            self._post("/feedback", self._feedback),
            self._get("/ping", self._ping),
            self._get("/health", self._health),
            self._get("/version", self._version),
            self._get("/metrics", self._metrics),
            self._get("/openapi.json", self._openapi),
            self._get("/v2", self._oip.server),
            self._get("/v2/health/live", self._oip.live),
            self._get("/v2/health/ready", self._oip.ready),
        ]
        for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            found += [
                self._get(path, self._oip.model),
                self._get(f"{path}/ready", self._oip.model_ready),
            ]
        return found

    async def _truth(self, request: Request, body: bytes) -> Reply:
        return Reply.json({"rows": await self._service.record("truth", body, request.state.request_id)})

    async def _feedback(self, request: Request, body: bytes) -> Reply:
        return Reply.json({"rows": await self._service.record("feedback", body, request.state.request_id)})

    async def _ping(self, _: Request, __: bytes) -> Reply:
        return Reply(200 if self._service.report().state == "ready" else 503, b"\n", b"text/plain")

    async def _health(self, _: Request, __: bytes) -> Reply:
        return Reply.json(self._service.report())

    async def _version(self, _: Request, __: bytes) -> Reply:
        report = self._service.report()
        champion = None if report.champion is None else str(report.champion)
        return Reply.json({"workbench": __version__, "model": report.model, "model_version": champion})

    async def _metrics(self, _: Request, __: bytes) -> Reply:
        from workbench.serving.http.metrics import CONTENT_TYPE

        return Reply(200, self._service.metrics.render(), CONTENT_TYPE.encode("ascii"))

    async def _openapi(self, _: Request, __: bytes) -> Reply:
        from workbench.serving.http import openapi

        report, lineup = self._service.report(), self._service.models.now
        classes = () if lineup.champion is None else lineup.champion.classes
        return Reply.json(
            openapi.document(
                lineup.request, report.model, report.champion, classes, simulated=report.simulated
            )
        )

    def _get(self, path: str, handler: _Handler) -> Route:
        return Route(path, self._endpoint(handler, reads=False), methods=["GET"])

    def _post(self, path: str, handler: _Handler) -> Route:
        return Route(path, self._endpoint(handler, reads=True), methods=["POST"])

    def _endpoint(self, handler: _Handler, *, reads: bool) -> Callable[[Request], Awaitable[Response]]:
        """The handler with its body read, and every way of failing turned into one line, counted."""

        async def endpoint(request: Request) -> Response:
            state = request.state
            try:
                if reads:
                    only_json(state.head)
                    with contextlib.closing(self._entrance.body(state.head)) as body:
                        reply = await handler(request, await _read(body, request.receive))
                else:
                    reply = await handler(request, b"")
            except Exception as error:
                reply = failure(error, state.request_id, request.url.path)
            self._service.replied(reply.status, state.arrived)
            return reply.response()

        return endpoint


async def _answered_before(_: Request) -> Response:
    raise AssertionError("requests for scores are answered by their connection")


async def _read(body: Body, receive: Receive) -> bytes:
    """The whole body.

    Raises
    ------
    Refused
        It is too large (413), too much beside others (429), too slow (408), or its sender went away (400).
    """
    try:
        async with asyncio.timeout(body.seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "the client went away")
                body.add(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {body.seconds:g} s") from None
    return body.whole()
