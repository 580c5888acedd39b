"""The handle on a model server: one that was started here and ends with us, or one that runs anyway."""

from __future__ import annotations

import ssl
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import msgspec

from workbench.errors import ServingError
from workbench.serving.child import Child
from workbench.serving.health import Health
from workbench.serving.log.read import PredictionLog
from workbench.serving.payload import ROWS_A_REQUEST, cells, encode_truth, requests_for

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Server"]

_ANSWER_SECONDS = 60.0


class Server:
    """A model server over HTTP; a context manager that stops what was started here.

    Attributes
    ----------
    url : str
        Where it answers.
    pid : int
        Its process.
    started_here : bool
        Whether it is temporary: it ends with :meth:`stop`, or with this process.
    log : PredictionLog
        What it answered.
    log_name : str
        What :func:`~workbench.serving.truth.recording.labelled` wants to know.
    """

    def __init__(
        self,
        url: str,
        pid: int,
        log: PredictionLog,
        log_name: str,
        child: Child | None = None,
        *,
        key: str = "",
        certificate: str = "",
    ) -> None:
        self.url, self.pid = url, pid
        self.log, self.log_name = log, log_name
        self._child = child
        # Not through a proxy that the environment may name: the server is here.
        self._client = httpx.Client(
            base_url=url,
            timeout=_ANSWER_SECONDS,
            trust_env=False,
            headers={"Authorization": f"Bearer {key}"} if key else None,
            verify=_trusting(certificate) if certificate else True,
        )

    @property
    def started_here(self) -> bool:
        return self._child is not None

    def predict(
        self,
        rows: pd.DataFrame,
        *,
        simulated_time: pd.Series[Any] | pd.Timestamp | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """Predict raw rows.

        Parameters
        ----------
        rows : DataFrame
            Raw request columns; times have to be aware.
        simulated_time : Timestamp or Series of it, optional
            When the rows are asked, for a server that was started for a replay.
        version : int, optional
            Another loaded version than the champion.

        Returns
        -------
        DataFrame
            ``prediction_id``, ``score`` and ``model_version``, with the index of ``rows``.

        Raises
        ------
        ServingError
            With what the server said.
        """
        import pandas as pd

        bodies = requests_for(rows, simulated_time=simulated_time, version=version)
        answered = [pd.DataFrame(self.invoke(body)) for body in bodies]
        if not answered:
            return pd.DataFrame(columns=["prediction_id", "score", "model_version"])
        return pd.concat(answered).set_axis(rows.index)

    def invoke(self, body: bytes) -> dict[str, Any]:
        """Send one encoded scoring request; the columns that :meth:`predict` returns."""
        answer = self._post("/invocations", body)
        return {
            "prediction_id": answer["prediction_ids"],
            "score": _scores(answer["predictions"]),
            "model_version": int(answer["model_version"]),
        }

    def truth(self, frame: pd.DataFrame) -> int:
        """Send ground truth: ``prediction_id``, ``value``, ``known_at``. How many rows were kept."""
        columns = cells(frame[["prediction_id", "value", "known_at"]])
        kept = 0
        for first in range(0, len(frame), ROWS_A_REQUEST):
            kept += self._post("/truth", encode_truth(columns, slice(first, first + ROWS_A_REQUEST)))["rows"]
        return kept

    def health(self) -> Health:
        """What the server says about itself."""
        response = self._request("GET", "/health", None)
        return msgspec.json.decode(response.content, type=Health)

    def stop(self) -> None:
        """Stop a server that was started here, gracefully; let go of one that runs anyway."""
        self._client.close()
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Server {self.url} ({'temporary' if self.started_here else 'live'}, process {self.pid})>"

    def _repr_html_(self) -> str:
        kind = (
            "A temporary server: it ends with this notebook."
            if self.started_here
            else "The project's live server."
        )
        try:
            health = self.health()
        except ServingError as error:
            return f"<p><code>{escape(self.url)}</code> {escape(error.message)}</p>"
        shadows = ", ".join(map(str, health.shadows)) or "none"
        rows = {
            "address": self.url,
            "state": health.state.replace("_", " "),
            "model": health.model,
            "champion": "none" if health.champion is None else str(health.champion),
            **({} if health.canary is None else {"canary": str(health.canary)}),
            "shadows": shadows,
            **{f"version {version}": path for version, path in health.paths.items()},
            "prediction log": health.log.folder,
            "answered": f"{health.counts.rows:,} rows in {health.counts.answered:,} requests",
            **{problem.what: problem.message for problem in health.problems},
        }
        table = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items()
        )
        return f"<p>{kind}</p><table>{table}</table>"

    def _post(self, path: str, body: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = msgspec.json.decode(self._request("POST", path, body).content)
        return answer

    def _request(self, method: str, path: str, body: bytes | None) -> httpx.Response:
        try:
            response = self._client.request(
                method,
                path,
                content=body,
                headers={"Content-Type": "application/json"} if body is not None else None,
            )
        except (httpx.HTTPError, RuntimeError) as error:
            raise ServingError(f"the server at {self.url} does not answer: {error}") from error
        if response.status_code != 200:
            raise ServingError(
                f"the server at {self.url} refused ({response.status_code}): {_message(response)}"
            )
        return response


def _scores(predictions: list[Any]) -> list[float]:
    """A regressor's predictions; of a classifier the probability of the target, or of the likeliest class."""
    if not predictions or not isinstance(predictions[0], list):
        return predictions
    if len(predictions[0]) == 2:
        return [row[1] for row in predictions]
    return [max(row) for row in predictions]


def _trusting(certificate: str) -> ssl.SSLContext:
    """Trust in this very certificate, under whatever name the server is reached."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context


def _message(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content)["message"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return response.text[:300]
