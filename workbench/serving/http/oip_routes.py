"""The routes of the Open Inference Protocol v2, below ``/v2``; all but those that ask for scores."""

from __future__ import annotations

from starlette.requests import Request

from workbench import __version__
from workbench.serving.http.reply import Reply
from workbench.serving.http.service import Service
from workbench.serving.models.lineup import Lineup
from workbench.serving.models.loaded import LoadedModel
from workbench.serving.protocol import oip_documents as documents
from workbench.serving.protocol.refused import Refused

__all__ = ["OipRoutes", "find_model", "read_version"]


class OipRoutes:
    """Their handlers around a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

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
        given = request.path_params
        return find_model(self._service.models.now, given["model"], read_version(given.get("version")))


def read_version(given: str | None) -> int | None:
    """The version in a path; None when there is none.

    Raises
    ------
    Refused
        It is no number (404).
    """
    if given is None:
        return None
    if given.isascii() and given.isdecimal() and len(given) < 10:
        return int(given)
    raise Refused(404, "a version is a number")


def find_model(lineup: Lineup, name: str, version: int | None) -> LoadedModel:
    """The loaded version that a path names; the champion if it names none.

    Raises
    ------
    Refused
        It is not there: 404, or 503 as long as there is no champion.
    """
    known = next((model.model for model in lineup.loaded), "")
    if name != known:
        raise Refused(404, f"no model of this name is served; it is {known or 'none yet'}")
    model = lineup.pick(version)
    if model is None:
        which = "no version is champion yet" if version is None else f"version {version} is not loaded"
        raise Refused(503 if version is None else 404, which)
    return model
