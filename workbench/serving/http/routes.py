"""What each route does: decode, ask, encode."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive

from workbench import __version__
from workbench.serving.answering.call import Answer
from workbench.serving.http.head import Head, read_body
from workbench.serving.http.oip_routes import OipRoutes
from workbench.serving.http.reply import Reply, failure
from workbench.serving.http.service import Service
from workbench.serving.protocol import mlflow
from workbench.serving.protocol.content import ARROW, JSON, media_type
from workbench.serving.protocol.refused import Refused
from workbench.tracking.models import scores_of

__all__ = ["Routes"]

# Decoding or encoding more than this in the loop would keep everybody else waiting.
_LARGE = 128 * 2**10
_MANY = 1_000
_Handler = Callable[[Request, bytes], Awaitable[Reply]]


class Routes:
    """The handlers around a service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._oip = OipRoutes(service)

    def listed(self) -> list[Route]:
        """All but scoring by MLflow's protocol, which the application calls directly."""
        found = [
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
            # Here for its 405 only: a POST never gets here.
            self._post("/invocations", self._truth),
        ]
        for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            found += [
                self._get(path, self._oip.model),
                self._get(f"{path}/ready", self._oip.model_ready),
                self._post(f"{path}/infer", self._oip.infer),
            ]
        return found

    async def invocations(self, head: Head, receive: Receive, arrived: float, request_id: str) -> Reply:
        """Score by MLflow's protocol, or an Arrow stream."""
        service = self._service
        limits = service.settings.limits
        body = await read_body(head, receive, limits)
        kind = head.text(b"content-type")
        names = service.models.now.names
        if len(body) < _LARGE:
            asked = mlflow.decode(body, kind, names, limits.rows)
        else:
            asked = await service.beside(lambda: mlflow.decode(body, kind, names, limits.rows))
        answer = await service.desk.ask(asked, arrived, request_id)
        wanted = head.text(b"accept")
        if (kind.startswith(ARROW) and not wanted.startswith("application/json")) or wanted.startswith(ARROW):
            return Reply(200, await asyncio.to_thread(_as_arrow, answer), ARROW.encode("ascii"))
        return Reply(200, await _as_json(answer))

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
                body = b""
                if reads:
                    _only_json(state.head)
                    body = await read_body(state.head, request.receive, self._service.settings.limits)
                reply = await handler(request, body)
            except Exception as error:
                reply = failure(error, state.request_id, request.url.path)
            self._service.replied(reply.status, state.arrived)
            response = Response(reply.body, reply.status)
            response.raw_headers = reply.headers
            return response

        return endpoint


def _only_json(head: Head) -> None:
    if media_type(head.text(b"content-type")) != JSON:
        raise Refused(415, "send JSON in UTF-8 with the header Content-Type: application/json")


async def _as_json(answer: Answer) -> bytes:
    told = (answer.outputs, answer.prediction_ids, answer.version, answer.notes)
    if len(answer.prediction_ids) < _MANY:
        return mlflow.encode(*told)
    return await asyncio.to_thread(mlflow.encode, *told)


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
