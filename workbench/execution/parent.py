"""The run that other runs are children of: a pipeline run's, a sweep's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from workbench.project import Project
from workbench.tracking import runs, work
from workbench.tracking.context import RunContext

__all__ = ["Parent"]

_LOG = logging.getLogger("workbench")


class Parent:
    """Opened when the first child needs it, and closed with the status that all of it came to.

    Parameters
    ----------
    phase : str
        What the run is called, such as :data:`~workbench.tracking.runs.PIPELINE`.
    params : mapping
        Logged with it.
    within : RunContext, optional
        Of the run that this one is nested in.
    """

    def __init__(
        self,
        project: Project,
        phase: str,
        params: Mapping[str, Any],
        *,
        within: RunContext | None = None,
    ) -> None:
        self._project, self._phase, self._params = project, phase, dict(params)
        self._draft = within is not None and within.draft
        self._within = within.run_id if within is not None else ""
        self._opening = threading.Lock()
        self._not_opened: Exception | None = None
        self._held: work.Work | None = None
        self.run_id = ""

    def open(self) -> str:
        """The run's id. Raises the same again when it could not be opened."""
        with self._opening:
            if self._not_opened is not None:
                raise self._not_opened  # each child would wait for the store in vain
            if not self.run_id:
                try:
                    self._open()
                except Exception as error:
                    self._not_opened = error
                    raise
            return self.run_id

    def _open(self) -> None:
        self._held = self._held or work.claim(self._project, self._phase)
        self.run_id = runs.start(
            self._project,
            self._phase,
            draft=self._draft,
            parent=self._within,
            params=self._params,
            token=self._held.token,
        )
        self.context().save()

    def context(self, **more: Any) -> RunContext:
        """Its context; what is given more is a notebook's that runs in its name."""
        assert self._held is not None
        return RunContext(
            project_root=self._project.root,
            phase=self._phase,
            run_id=self.run_id,
            pipeline_run_id=self.run_id,
            draft=self._draft,
            data_root=self._project.data_uri,
            folder=self._held.folder,
            parent=True,
            **more,
        )

    def release(self, *, told: bool) -> None:
        """Let go after its report was published and its run closed elsewhere; ``told`` if the store knows."""
        if self._held is not None:
            if told:
                self._held.release()
            else:
                self._held.leave()
            self._held = None

    @property
    def token(self) -> str:
        """Names its scratch folder, which is held while it goes on."""
        return self._held.token if self._held else ""

    def close(self, status: str) -> None:
        """End MLflow's run; the next command does when the store is away."""
        held = self._held
        if held is None:
            return
        with suppress(OSError):
            held.note_end(status)
        try:
            if not self.run_id and self._not_opened is None:  # interrupted as it was opened: it may be there
                self.run_id = next(iter(runs.with_token(self._project, held.token)), "")
            if self.run_id:
                runs.end(self._project, self.run_id, status)
                held.release()
        except Exception:
            _LOG.debug("%s run %s: its end was not told", self._phase, self.run_id[:8], exc_info=True)
        finally:
            held.leave()
