"""The routes of the Open Inference Protocol v2, below ``/v2``."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from workbench import __version__
from workbench.serving.http.reply import Reply
from workbench.serving.http.service import Service
from workbench.serving.models.loaded import LoadedModel
from workbench.serving.protocol import oip
from workbench.serving.protocol import oip_documents as documents
from workbench.serving.protocol.refused import Refused

__all__ = ["OipRoutes"]

_MANY = 1_000


class OipRoutes:
    """Their handlers around a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def infer(self, request: Request, body: bytes) -> Reply:
        service, state = self._service, request.state
        model, version = self._model(request), self._version(request)
        names, most = tuple(model.request.columns), service.settings.limits.rows
        header_length = request.headers.get("inference-header-content-length")

        def decode() -> oip.Infer:
            return oip.decode(body, names, most, version=version, header_length=header_length)

        infer = decode() if len(body) < 2**17 else await service.beside(decode)
        if oip.PROBABILITIES in infer.outputs and not model.classes:
            raise Refused(400, f"{model.model} is a regressor and has no output {oip.PROBABILITIES!r}")
        answer = await service.desk.ask(infer.asked, state.arrived, state.request_id)

        def encode() -> bytes:
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

        few = len(answer.prediction_ids) < _MANY
        return Reply(200, encode() if few else await asyncio.to_thread(encode))

    async def server(self, _: Request, __: bytes) -> Reply:
        return Reply.json(documents.server_metadata(__version__))

    async def live(self, _: Request, __: bytes) -> Reply:
        return Reply.json(documents.live())

    async def ready(self, _: Request, __: bytes) -> Reply:
        ready = self._service.report().state == "ready"
        return Reply.json(documents.ready(ready), 200 if ready else 503)

    async def model(self, request: Request, _: bytes) -> Reply:
        model = self._model(request)
        versions = [loaded.version for loaded in self._service.models.now.loaded]
        return Reply.json(documents.model_metadata(model.request, model.model, versions, model.classes))

    async def model_ready(self, request: Request, _: bytes) -> Reply:
        model = self._model(request)
        return Reply.json(documents.model_ready(model.model, True))

    def _model(self, request: Request) -> LoadedModel:
        """The loaded version that a path names; the champion if it names none."""
        lineup, version = self._service.models.now, self._version(request)
        name = request.path_params["model"]
        known = next((model.model for model in lineup.loaded), "")
        if name != known:
            raise Refused(404, f"no model of this name is served; it is {known or 'none yet'}")
        model = lineup.pick(version)
        if model is None:
            which = "no version is champion yet" if version is None else f"version {version} is not loaded"
            raise Refused(503 if version is None else 404, which)
        return model

    def _version(self, request: Request) -> int | None:
        given = request.path_params.get("version")
        if given is None:
            return None
        if given.isascii() and given.isdecimal() and len(given) < 10:
            return int(given)
        raise Refused(404, "a version is a number")
