"""Scoring a file: the same version, checks and prediction log as the server's, without a server."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import ServingError, UsageError
from workbench.project import Project
from workbench.serving.answering.call import Answer
from workbench.serving.answering.failures import told
from workbench.serving.answering.inline import Inline
from workbench.serving.models.lineup import Lineup, ModelSource, Pinned, places_of
from workbench.serving.models.loaded import LoadedModel
from workbench.serving.models.registered import RegisteredModels
from workbench.serving.parts import code_of, open_log
from workbench.serving.payload import cells
from workbench.serving.personal import concealer
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.cells import Texts
from workbench.serving.protocol.refused import Refused
from workbench.serving.scored_file import AnswerFile, RawRows
from workbench.serving.settings import LIVE_LOG, Settings
from workbench.store.clock import project_clock

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Scored", "score_file"]

_log = logging.getLogger(__name__)
_ROWS = 5_000
_LONGEST = 400  # what is told of an error of others


@dataclass(frozen=True)
class Scored:
    """What scoring a file did: its rows, the version that answered all of them, and where the answers are.

    ``shadows`` are the versions that answered beside it, for the log only.
    """

    rows: int
    model: str
    version: int
    path: str
    output: Path
    seconds: float
    shadows: tuple[int, ...] = ()


def score_file(
    project: Project,
    source: Path,
    output: Path | None = None,
    *,
    version: int | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Scored:
    """Score the rows of a file with the champion, and log every answer, and what it failed to answer.

    Challenger and shadows answer beside the champion, as in the server. A canary takes no share: one version
    answers all of a file.

    Parameters
    ----------
    source : Path
        CSV, Parquet or JSON lines; it may have more columns than a raw row needs.
    output : Path, optional
        Parquet or CSV by its ending; default: ``<source>.predictions.parquet``. It has the columns of the
        source, ``prediction_id``, ``score`` (and of several classes ``answer``), ``model_version``, ``note``;
        a raw column that has such a name is ``input.<name>`` there, as in the log.
    version : int, optional
        Another version than the champion. It answers as a challenger, for the log as for the server, with
        nobody in its shadow.
    on_rows : callable, optional
        Told how many rows are done, after each few thousand.

    Raises
    ------
    UsageError
        The file is of no kind that is read, a column of it cannot be beside the answers, or there is no
        champion. Then no row was scored.
    ServingError
        A row cannot be scored (its number is named), or an answer cannot be logged. There is no output then;
        what was answered before stays in the log, where the rows that were asked with that one have failed.
    """
    output = output or source.with_name(f"{source.stem}.predictions.parquet")
    given = RawRows(source, _ROWS)
    settings = Settings(str(project.root), str(project.state / LIVE_LOG))
    registered = RegisteredModels(project, settings)
    models = _models(registered, version)
    model, *shadows = models.now.loaded
    begun, rows = time.perf_counter(), 0
    draft = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    answers = AnswerFile(draft, output, given, model)
    try:
        with (
            closing(open_log(project, Path(settings.log_folder), "file")) as log,
            closing(answers),
        ):
            answering = Inline(
                models,
                log,
                clock=project_clock(),
                simulated=False,
                code_version=code_of(project),
                config=project.config.serving,
                conceal=concealer(project),
                failed_rows=_ROWS,
            )
            for part in given.parts():
                names = [name for name in model.request.columns if name in part.columns]
                asked = Asked(_columns(part[names], given), len(part), version)
                answer = _answer(answering, asked, f"{source.name[:40]}#{rows}", f"{source}, from row {rows}")
                answers.write(part, answer)
                rows += len(part)
                if on_rows is not None:
                    on_rows(rows)
        if not rows:
            raise UsageError(f"{source} has no rows")
        os.replace(draft, output)
    finally:
        draft.unlink(missing_ok=True)
    path, seconds = "compiled" if model.path.compiled is not None else "plain", time.perf_counter() - begun
    beside = tuple(shadow.version for shadow in shadows)
    return Scored(rows, model.model, model.version, path, output, seconds, beside)


def _models(source: ModelSource, version: int | None) -> Pinned:
    """The champion and its shadows, or the other version that was asked for."""
    champion, _, others = places_of(source.aliases())
    features = source.features()
    if version is not None and version != champion:
        return Pinned(Lineup(shadows=(source.load(version, features),)), features)
    if champion is None:
        raise UsageError("no version is champion yet; promote one, or name one: --version N")
    shadows: list[LoadedModel] = []
    best = source.load(champion, features)
    for other in others:
        try:
            shadows.append(source.load(other, features))
        except Exception as error:  # a shadow's own affair
            _log.warning("version %s does not answer in the shadow: %s", other, told(error))
    return Pinned(Lineup(best, tuple(shadows)), features)


def _columns(part: pd.DataFrame, source: RawRows) -> dict[str, Any]:
    given = cells(part)
    return {name: Texts(column) for name, column in given.items()} if source.is_text else given


def _answer(answering: Inline, asked: Asked, request_id: str, where: str) -> Answer:
    (answer,) = answering.answer([asked], [request_id])
    if isinstance(answer, Exception):
        said = answer.message if isinstance(answer, Refused) else f"{type(answer).__name__}: {answer}"
        raise ServingError(f"{where}: {' '.join(said.split())[:_LONGEST]}") from answer
    return answer
