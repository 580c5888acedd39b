"""The model server: a registered model answers over HTTP, and forgets nothing that it answered.

============================  ====================================================================
:func:`start`                 a server of one's own, as a child process that ends with its owner
:func:`attach`                the project's live server, if one runs
:func:`serve_forever`         the command ``workbench serve``
:class:`Server`               what both return: ``predict``, ``truth``, ``health``, ``log``, ``stop``
:func:`smoke_test`            the recorded cases of a version, sent as a client would
:func:`request_latencies`     how long single-row requests take
:func:`score_file`            a file scored without a server; what ``workbench predict`` does
:func:`replay`                history sent through a server in time order, labels arriving late
:class:`PredictionLog`        every answer with its inputs, features, score, version and code
:func:`inputs`                the raw inputs of a frame that was read from the log
:func:`features`              its features
:func:`labelled`              the ground truth that has come in, joined to a read log
============================  ====================================================================

Its rooms: :mod:`~workbench.serving.http` (the application and its guards),
:mod:`~workbench.serving.protocol` (what is accepted, and how it is written),
:mod:`~workbench.serving.models` (loaded versions and who answers now),
:mod:`~workbench.serving.answering` (from request to logged answer),
:mod:`~workbench.serving.log` (what was answered), and beside them what starts, finds and asks a server.
"""

from __future__ import annotations

from workbench.errors import MissingExtra
from workbench.registry.cases import features, inputs

try:
    from workbench.serving.client import Server
    from workbench.serving.health import Health
    from workbench.serving.log.read import PredictionLog
    from workbench.serving.replay import Progress, ReplayResult, replay
    from workbench.serving.scoring import Scored, score_file
    from workbench.serving.server import attach, serve_forever, start
    from workbench.serving.smoke import request_latencies, smoke_test
    from workbench.serving.truth.recording import labelled
except ModuleNotFoundError as error:
    if error.name in ("httpx", "msgspec"):
        raise MissingExtra(error.name, "serve", "the model server") from error
    raise

__all__ = [
    "Health",
    "PredictionLog",
    "Progress",
    "ReplayResult",
    "Scored",
    "Server",
    "attach",
    "features",
    "inputs",
    "labelled",
    "replay",
    "request_latencies",
    "score_file",
    "serve_forever",
    "smoke_test",
    "start",
]
