"""Replay: history sent through a real server in time order, its labels arriving as late as they did.

Rows travel in batches (by default an hour of them) for speed only: each carries the moment at which it
was asked, features are looked up as of that moment, and so no answer depends on the size of a batch.
"""

from __future__ import annotations

import time as wall
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Self

from workbench.errors import UsageError
from workbench.serving.payload import cells, encode_invocation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from workbench.serving.client import Server

__all__ = ["Progress", "ReplayResult", "replay"]

# Labels are posted once a simulated day: one transaction each.
_LABELS_EVERY = "1D"
# What waits at the server is predicted together.
_UNDER_WAY = 8


@dataclass(frozen=True)
class Progress:
    """How far a replay is."""

    rows: int
    of: int
    simulated_time: pd.Timestamp
    labels: int


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did.

    Attributes
    ----------
    rows, batches, labels : int
        Rows predicted, requests sent, ground truth sent.
    seconds : float
        Wall time of the whole replay.
    latencies : ndarray
        Milliseconds of each request as its sender saw them, waiting behind the one before included.
    predictions : DataFrame
        ``prediction_id``, ``score``, ``model_version``, the time of asking and the key (if one was named),
        in time order, with the index of the frame that was replayed.
    pending : DataFrame
        Ground truth whose time has not come (``prediction_id``, ``value``, ``known_at``), for
        ``Server.truth`` later.
    """

    rows: int
    batches: int
    labels: int
    seconds: float
    latencies: np.ndarray[Any, Any]
    predictions: pd.DataFrame
    pending: pd.DataFrame

    def _repr_html_(self) -> str:
        import numpy as np

        median, slow = np.percentile(self.latencies, [50, 99]) if self.batches else (0.0, 0.0)
        return escape(
            f"{self.rows:,} rows in {self.batches:,} batches answered in {self.seconds:.1f} s "
            f"(a batch: median {median:.0f} ms, 99 % within {slow:.0f} ms); "
            f"{self.labels:,} labels sent, {len(self.pending):,} not known yet at the end"
        )


def replay(
    server: Server,
    frame: pd.DataFrame,
    *,
    target: str,
    time: str = "asked_at",
    label_time: str = "landed_at",
    every: str = "1h",
    key: str | None = None,
    columns: Sequence[str] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ReplayResult:
    """Send the rows of ``frame`` through ``server`` in the order of ``time``.

    Parameters
    ----------
    server : Server
        One that was started with ``simulated=True``.
    frame : DataFrame
        Raw request columns, the time of asking, the target, and when the target became known.
    target, time, label_time : str
        Its columns. A row without a target or a label time is never labelled; one whose label time lies
        behind the end of the last period is not labelled yet.
    every : str
        The period of one batch.
    key : str, optional
        A column to carry into the result's predictions.
    columns : sequence of str, optional
        The raw request columns; by default those that the server says it takes.
    on_progress : callable, optional
        Told after each simulated day.

    Raises
    ------
    UsageError
        When a column is not there, or the server is not one for a replay.
    ServingError
        When the server refuses or goes away.
    """
    import numpy as np
    import pandas as pd

    health = server.health()
    if not health.simulated:
        raise UsageError("a replay needs a server of its own: start(project, simulated=True, log_folder=…)")
    wanted = list(columns or health.request)
    if not wanted:
        raise UsageError(
            "the server has no model loaded that says which columns it takes; name them: columns=[…]"
        )
    for name in (*wanted, target, time, label_time, *([key] if key else [])):
        if name not in frame.columns:
            raise UsageError(f"the frame to replay has no column {name!r}")
    begun = wall.perf_counter()
    ordered = frame.sort_values(time, kind="stable")
    sender = _Sender(server, cells(ordered[wanted]), cells(ordered[[time]])[time])
    labels = _Labels(server, ordered[target], ordered[label_time])

    def catch_up(now: pd.Timestamp) -> None:
        sender.settle()
        labels.send(sender.prediction_ids, now)
        if on_progress is not None:
            on_progress(Progress(len(sender.prediction_ids), len(ordered), now, labels.sent))

    end = due = None
    with sender:
        for part, end in _periods(ordered[time], every):
            sender.send(part)
            if due is not None and end >= due:
                catch_up(end)
            if due is None or end >= due:
                due = end.floor(_LABELS_EVERY) + pd.Timedelta(_LABELS_EVERY)
        if end is not None:
            catch_up(end)
    return ReplayResult(
        rows=len(ordered),
        batches=len(sender.milliseconds),
        labels=labels.sent,
        seconds=wall.perf_counter() - begun,
        latencies=np.array(sender.milliseconds),
        predictions=sender.predictions(ordered[[*([key] if key else []), time]]),
        pending=labels.pending(sender.prediction_ids),
    )


class _Sender:
    """Sends batches in order, a few under way at a time, and keeps what came back."""

    def __init__(self, server: Server, columns: dict[str, list[Any]], times: list[str]) -> None:
        self._server, self._columns, self._times = server, columns, times
        self._pool = ThreadPoolExecutor(_UNDER_WAY, thread_name_prefix="replay")
        self._under_way: deque[Future[tuple[dict[str, Any], float]]] = deque()
        self.prediction_ids: list[str] = []
        self.scores: list[float] = []
        self.versions: list[int] = []
        self.milliseconds: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def send(self, part: slice) -> None:
        if len(self._under_way) >= _UNDER_WAY:
            self._take()
        self._under_way.append(self._pool.submit(self._ask, part))

    def settle(self) -> None:
        """Wait for the answers to all that was sent."""
        while self._under_way:
            self._take()

    def predictions(self, asked: pd.DataFrame) -> pd.DataFrame:
        return asked.assign(prediction_id=self.prediction_ids, score=self.scores, model_version=self.versions)

    def _ask(self, part: slice) -> tuple[dict[str, Any], float]:
        begun = wall.perf_counter()
        answer = self._server.invoke(encode_invocation(self._columns, part, self._times[part], None))
        return answer, (wall.perf_counter() - begun) * 1000

    def _take(self) -> None:
        answer, milliseconds = self._under_way.popleft().result()
        self.prediction_ids += answer["prediction_id"]
        self.scores += answer["score"]
        self.versions += [answer["model_version"]] * len(answer["score"])
        self.milliseconds.append(milliseconds)


class _Labels:
    """Ground truth in the order of asking, each row held back until its time has come."""

    def __init__(self, server: Server, target: pd.Series[Any], known_at: pd.Series[Any]) -> None:
        import numpy as np

        self._server = server
        self._values = target.astype("float64").to_numpy()
        self._known_at = known_at.reset_index(drop=True)
        self._waiting = self._known_at.notna().to_numpy() & ~np.isnan(self._values)
        self.sent = 0

    def send(self, prediction_ids: list[str], now: pd.Timestamp) -> None:
        """Send what is known by ``now``, of the rows that were answered."""
        import numpy as np

        answered = np.arange(len(self._waiting)) < len(prediction_ids)
        due = np.flatnonzero(self._waiting & answered & (self._known_at <= now).to_numpy())
        if len(due):
            self.sent += self._server.truth(self._frame(prediction_ids, due))
            self._waiting[due] = False

    def pending(self, prediction_ids: list[str]) -> pd.DataFrame:
        import numpy as np

        return self._frame(prediction_ids, np.flatnonzero(self._waiting))

    def _frame(self, prediction_ids: list[str], rows: np.ndarray[Any, Any]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(
            {
                "prediction_id": [prediction_ids[row] for row in rows],
                "value": self._values[rows],
                "known_at": self._known_at.iloc[rows].array,
            }
        )


def _periods(times: pd.Series[Any], every: str) -> Iterator[tuple[slice, pd.Timestamp]]:
    """Slices of sorted ``times`` that lie in one period, and that period's end."""
    import numpy as np
    import pandas as pd

    length = pd.Timedelta(every)
    begins = times.dt.floor(length).reset_index(drop=True)
    firsts = np.flatnonzero((begins != begins.shift()).to_numpy())
    ends = np.append(firsts[1:], len(begins))
    for first, after in zip(firsts, ends[: len(firsts)], strict=True):
        yield slice(int(first), int(after)), begins.iloc[first] + length
