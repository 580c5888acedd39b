"""A small project whose challengers are made by notebooks, and what a monitor found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sklearn.dummy import DummyClassifier

from tests.projects import make_project
from tests.unit.monitoring import small
from tests.unit.registry.small import Run
from workbench import registry
from workbench.execution.progress import PhaseResult, PipelineResult, Progress
from workbench.monitoring.findings import record
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.performance import ShadowDelta
from workbench.monitoring.retraining import Retrained, retrain
from workbench.project import Project, open_project
from workbench.registry.gates.bootstrap import Interval
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth import recording
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.tracking import runs
from workbench.tracking.models import log_model

LOG = "predictions/live"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
PHASES = ("prepare", "challenge")

_HELPERS = '''

FEATURES = ["signal", "noise"]


def rows():
    """Twenty rows a day for half a year; a large signal is late more often."""
    import numpy as np

    random = np.random.default_rng(0)
    count = 183 * 20
    asked = pd.Timestamp("2026-06-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 72, unit="min")
    signal = random.normal(size=count)
    late = random.random(count) < 1 / (1 + np.exp(-1.5 * signal))
    return pd.DataFrame(
        {
            "row": range(count),
            "asked_at": asked,
            "known_at": asked + pd.Timedelta(hours=3),
            "signal": signal,
            "noise": random.normal(size=count),
            "origin": random.choice(["north", "south"], count),
            "late": late,
        }
    )


def model(columns, strength=1.0):
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    picked = ColumnTransformer([("numbers", "passthrough", columns)])
    return make_pipeline(picked, LogisticRegression(C=strength))


def altitudes():
    return pd.DataFrame({"origin": ["north", "south"], "altitude": [10.0, 900.0]})


altitude_schema = pa.DataFrameSchema({"origin": pa.Column(str), "altitude": pa.Column(float)})


def altitude(rows, source):
    return rows[["origin"]].merge(source, on="origin", how="left")[["altitude"]].set_axis(rows.index)


def again(rows, source):
    return rows[["signal"]]


def shifted(rows, source):
    return rows[["noise"]].add_prefix("more_").set_axis(rows.index + 1)


def hint(rows, source):
    """A column that says a good deal, and a text that says nothing."""
    import numpy as np

    told = rows["late"] + np.random.default_rng(1).normal(size=len(rows))
    return pd.DataFrame({"hint": told, "place": rows["origin"]}, index=rows.index)
'''

_PREPARE = """\
import helpers
import pandas as pd
rows = helpers.rows()
start = pd.Timestamp(as_of, tz="UTC")
until = pd.Timestamp(known_until or "2027-01-01", tz="UTC")
rows["split"] = "judge"
rows.loc[rows["known_at"] < start, "split"] = "learn"
rows.loc[(rows["asked_at"] < start) & (rows["known_at"] >= start), "split"] = "unknown_then"
rows.loc[rows["known_at"] >= until, "split"] = "later"
phase.write("prepared", rows, key=("row",))"""

_CHALLENGE = """\
import helpers
import pandas as pd
from sklearn.dummy import DummyClassifier
from workbench import registry
prepared = phase.read("prepared")
known, holdout = (prepared.query("split == @part").reset_index(drop=True) for part in ("learn", "judge"))
columns = {"good": ["signal", "noise"], "poor": ["noise"]}[quality]
until = pd.Timestamp(until, tz="UTC") if until else known["known_at"].max().ceil("h")
trained = {}
for name, one in {"candidate": helpers.model(columns, strength), "baseline": DummyClassifier()}.items():
    fitted = one.fit(known[helpers.FEATURES], known["late"])
    trained[name] = phase.log_model(
        name, fitted, sample=known[helpers.FEATURES], metrics={}, trained_until=until
    )
if (champion := registry.champion(phase.project)) is not None:
    trained["champion"] = champion
validation = registry.judge(phase.project, holdout, trained, features=helpers.FEATURES)
answers = validation.scores["candidate"]
cases = registry.record_cases(holdout, answers, inputs=helpers.FEATURES, features=helpers.FEATURES, count=8)
version = registry.register(phase, trained["candidate"], validation, cases)"""

_GATES = """
[gates]
minimum_rows = 300
bootstrap_rounds = 200
calibration_error = 0.9
minimum_primary = 0.4

[sources.altitudes]
load = "helpers:altitudes"
check = "helpers:altitude_schema"
key = ["origin"]
"""


def make(root: Path, policy: str = "") -> Project:
    """The project with a poor champion v1; ``policy`` is its ``[retraining]``."""
    project = make_project(
        root,
        {"prepare": [_PREPARE], "challenge": [_CHALLENGE]},
        parameters={
            "prepare": 'as_of: str = "2026-10-01"\nknown_until: str | None = "2026-11-01"',
            "challenge": 'quality: str = "good"\nstrength: float = 1.0\nuntil: str | None = None',
        },
    )
    helpers = root / "notebooks" / "helpers.py"
    helpers.write_text(helpers.read_text() + _HELPERS)
    text = (root / "workbench.toml").read_text()
    text = text.replace('target = "y"\ntime = "x"', 'target = "late"\ntime = "asked_at"')
    (root / "workbench.toml").write_text(f"{text}{_GATES}\n")
    return with_policy(project, policy)


def with_champion(project: Project) -> Project:
    """With a version 1 that is no better than chance, and learnt until October."""
    _registered(project, ["noise"], datetime(2026, 10, 1, tzinfo=UTC), NOW + timedelta(days=31))
    clock = SimulatedClock(datetime(2026, 11, 2, tzinfo=UTC))
    registry.promote(project, 1, reason="the first", force=True, clock=clock)
    return project


def _registered(project: Project, columns: list[str], until: datetime, known_until: datetime) -> str:
    """The run that registers a version: it learns from these columns until then, judged on the rest."""
    rows, model = project.resolve("helpers:rows")(), project.resolve("helpers:model")
    names = project.resolve("helpers:FEATURES")
    rows = rows[rows["known_at"] < known_until]
    run = Run(project, runs.start(project, "challenge"))
    known, holdout = rows[rows["known_at"] < until], rows[rows["asked_at"] >= until].reset_index(drop=True)
    about: Any = {"sample": known[names], "metrics": {}, "trained_until": until}
    trained: dict[str, Any] = {
        name: log_model(project, run.run_id, name, one.fit(known[names], known["late"]), **about)
        for name, one in {"candidate": model(columns), "baseline": DummyClassifier()}.items()
    }
    if (champion := registry.champion(project)) is not None:
        trained["champion"] = champion
    judged = registry.judge(project, holdout, trained, features=names)
    answers = judged.scores["candidate"]
    cases = registry.record_cases(holdout, answers, inputs=names, features=names, count=8)
    registry.register(run, trained["candidate"], judged, cases)
    return run.run_id


@dataclass
class InProcess:
    """Makes good challengers as phases do, without notebooks, and once as of a day: then it is up to date."""

    run_ids: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        project: Project,
        phases: Sequence[str],
        parameters: Mapping[str, Any],
        progress: Progress | None = None,
    ) -> PipelineResult:
        days = [f"{parameters[name]}T00:00Z" for name in ("as_of", "known_until")]
        known = days[0] in self.run_ids
        if not known:
            until, known_until = map(datetime.fromisoformat, days)
            self.run_ids[days[0]] = _registered(project, ["signal", "noise"], until, known_until)
        run_id = self.run_ids[days[0]]
        phase = PhaseResult("challenge", "up_to_date" if known else "finished", run_id)
        return PipelineResult("" if known else run_id, "finished", (phase,), {})


def with_policy(project: Project, policy: str) -> Project:
    """The project with another ``[retraining]``."""
    path = project.root / "workbench.toml"
    phases = "" if "phases" in policy else f"phases = {list(PHASES)}\n"
    path.write_text(f"{path.read_text().partition('[retraining]')[0]}[retraining]\n{phases}{policy}\n")
    return open_project(project.root)


def found(month: int, *, version: int = 1, **about: Any) -> WindowFinding:
    """What a month showed of that champion."""
    finding = small.finding(month, **about)
    versions = tuple(replace(item, version=version) for item in finding.versions)
    return replace(finding, versions=versions)


def beside(
    month: int,
    *,
    shadow: int,
    champion: int = 1,
    difference: float = 0.02,
    verdict: str = "ok",
    labelled: int = 400,
) -> WindowFinding:
    """What a month showed of a shadow beside that champion."""
    finding = found(month, version=champion)
    delta = ShadowDelta(
        champion,
        shadow,
        rows=round(labelled / 0.95),
        labelled=labelled,
        champion_only=0,
        shadow_only=0,
        disagreement=Interval(0.06, 0.05, 0.07),
        distance=0.04,
        metric="roc_auc",
        champion_value=0.7,
        shadow_value=0.7 + difference,
        difference=Interval(difference, difference - 0.01, difference + 0.01),
        verdict=verdict,  # type: ignore[arg-type]
        why=f"roc_auc of shadow v{shadow} {0.7 + difference:.3f} against 0.700 of v{champion}",
    )
    one: VersionFinding = replace(
        finding.versions[0], role="shadow", version=shadow, performance=None, delta=delta
    )
    return replace(finding, versions=(*finding.versions, one))


def monitored(project: Project, findings: Sequence[WindowFinding]) -> None:
    """Record what a monitor would have found."""
    database = open_database(project)
    with database.write() as connection:
        record.add(connection, LOG, project.model.name, list(findings))
    database.close()


def tell(project: Project, count: int, known_at: datetime) -> None:
    """So many labels that became known then, of as many predictions."""
    rows = [TruthRow(f"{known_at:%d %H}-{number}", 1.0, known_at) for number in range(count)]
    database = open_database(project)
    recording.record(database, LOG, rows, SimulatedClock(known_at))
    database.close()


def call(project: Project, *, after: timedelta = timedelta(), **more: Any) -> Retrained:
    """``workbench retrain`` so long after :data:`NOW`."""
    return retrain(project, LOG, clock=SimulatedClock(NOW + after), **more)


def asked(project: Project) -> list[str]:
    """What stands on the backlog about retraining."""
    database = open_database(project)
    try:
        with database.read() as connection:
            found = backlog.items(connection, project.name, closed=True)
    finally:
        database.close()
    return [item.title for item in found if item.title.startswith("retraining")]


def champions(project: Project) -> list[int | None]:
    """Who became champion, one after the other."""
    return [entry.to_version for entry in registry.ledger(project, "champion")]
