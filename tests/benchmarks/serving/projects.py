"""What is served: the flights project, made by its own notebooks once and kept, and projects without helpers.

The flights project takes raw rows and looks its features up. The others take the model's input as it is; the
first of them serves the very pipeline that the flights project trained.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks import measure
from tests.benchmarks.serving.environments import cache
from tests.projects import make_project
from tests.unit.registry.small import Run
from workbench.config import GatesConfig
from workbench.data.tables import Tables
from workbench.project import Project, open_project
from workbench.registry import champion, loading, promotion, versions
from workbench.registry.cases import record_cases
from workbench.registry.gates import judging
from workbench.tracking import runs
from workbench.tracking.models import log_model, positive_scores

__all__ = ["Served", "flights", "pipeline", "wide"]

REPOSITORY = Path(__file__).parents[3]
#: What the stored flights project depends on: made anew when any of it changes.
_MADE_BY = (
    "notebooks",
    "workbench.toml",
    *(f"workbench/{room}" for room in ("data", "tracking", "registry")),
)
_PHASES = ("gather", "prepare", "train", "validate")
_VARIANTS = Path(__file__).with_name("variants.py")
_LENIENT = GatesConfig(
    minimum_rows=100, bootstrap_rounds=100, minimum_primary=0.5, calibration_error=0.9, minimum_effect=-1.0
)
_ASKED = 2_000

_HELPERS = '''"""The model's input comes as it is."""

REQUEST = {request!r}


def build(rows, memory, asked_at):
    return rows[list(REQUEST)]


def build_arrays(columns, memory, asked_at):
    return {{name: columns[name] for name in REQUEST}}
'''


@dataclass(frozen=True)
class Served:
    """A project with a champion, and what its clients send.

    Attributes
    ----------
    rows : DataFrame
        What is sent, in the types that it is sent in; times as ISO text.
    estimator
        The champion, for the peers.
    memory : dict of DataFrame
        The memory tables that the helpers look up; empty where there are no helpers.
    """

    project: Project
    rows: pd.DataFrame
    estimator: Any
    memory: dict[str, pd.DataFrame]


def flights() -> Served:
    """The flights project: gathered, prepared, trained, validated and promoted by its notebooks."""
    project = open_project(_flights_folder())
    chosen = champion(project)
    if chosen is None:
        raise RuntimeError(f"the flights project in {project.root} has no champion: its gates refused it")
    tables = Tables(project.data_uri)

    def newest(name: str) -> pd.DataFrame:
        return tables.read(tables.newest(name, lambda _: True))

    prepared = newest("prepared")
    sys.path.append(str(project.helpers))
    from flights.features import REQUEST

    asked = prepared[prepared["split"] == "validate"].dropna(subset=list(REQUEST))
    rows = asked[list(REQUEST)].sample(_ASKED, random_state=0, ignore_index=True)
    for name, kind in REQUEST.items():
        if kind == "time":
            rows[name] = rows[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    estimator = loading.load(chosen, project)
    return _with_variants(
        Served(project, rows, estimator, {name: newest(name) for name in project.model.memory})
    )


def pipeline(folder: Path) -> Served:
    """The flights' pipeline with its input as it is: 24 columns that nothing has to be done to."""
    made = flights()
    tables = Tables(made.project.data_uri)
    prepared = tables.read(tables.newest("prepared", lambda _: True))
    features = [str(name) for name in made.estimator.feature_names_in_]
    asked = prepared[prepared["split"] == "validate"].dropna(subset=features)
    frame = asked[["asked_at", "late", *features]].reset_index(drop=True)
    project = _registered(folder, frame, features, made.estimator)
    rows = frame[features].sample(_ASKED, random_state=0, ignore_index=True)
    return _with_variants(Served(project, rows, made.estimator, {}))


def wide(folder: Path, columns: int) -> Served:
    """A boosted pipeline on so many columns, each tenth of them a category."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    random = np.random.default_rng(columns)
    count, categories = 4_000, columns // 10
    values: dict[str, Any] = {
        f"number_{place}": random.normal(size=count) for place in range(columns - categories)
    }
    values |= {f"category_{place}": random.choice(list("abcdefgh"), count) for place in range(categories)}
    features = list(values)
    drawn = random.random(count) < 1 / (1 + np.exp(-2 * values["number_0"] - 2 * values["number_1"]))
    asked_at = pd.Timestamp("2026-07-01", tz="UTC") + pd.to_timedelta(np.linspace(0, 30, count), "D")
    frame = pd.DataFrame({"asked_at": asked_at.as_unit("us"), "late": drawn, **values})
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    named = [name for name in features if name.startswith("category")]
    encoded = ColumnTransformer([("categories", codes, named)], remainder="passthrough")
    trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=0)
    estimator = make_pipeline(encoded, trees).fit(frame[features], frame["late"])
    project = _registered(folder, frame, features, estimator)
    return _with_variants(Served(project, frame[features].head(256), estimator, {}))


def _with_variants(served: Served) -> Served:
    shutil.copyfile(_VARIANTS, served.project.helpers / "bench_variants.py")
    return served


@functools.cache
def _flights_folder() -> Path:
    key = _key()
    folder = cache("projects") / f"flights-{key}"
    done = folder / ".benchmark.json"
    if not done.exists():
        print(f"running the flights project in {folder} (once, some minutes)", flush=True)
        workbench = [sys.executable, "-m", "workbench"]
        for other in folder.parent.glob("flights-*"):
            if other != folder:  # of older notebooks, or of an older registry
                shutil.rmtree(other)
        if not folder.exists():
            measure.run([*workbench, "init", str(folder), "--template", "flights"], folder.parent)
        measure.run([*workbench, "run", *_PHASES], folder)
        project = open_project(folder)
        if champion(project) is None:
            promotion.promote(project, 1, reason="for the benchmark", force=True)
        done.touch()
    return folder


def _key() -> str:
    found = hashlib.sha256("".join(version(name) for name in ("scikit-learn", "pandas", "mlflow")).encode())
    for place in _MADE_BY:
        path = REPOSITORY / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in (".py", ".ipynb", ".toml", ".csv"):
                found.update(str(file.relative_to(REPOSITORY)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:12]


def _registered(folder: Path, frame: pd.DataFrame, features: list[str], estimator: Any) -> Project:
    """A project whose only version is this estimator, champion at once."""
    project = make_project(folder, {"train": []})
    text = (folder / "workbench.toml").read_text()
    text = text.replace('target = "y"\ntime = "x"', 'target = "late"\ntime = "asked_at"')
    text = text.replace('features = "helpers:build"', 'features = "bench_features:build"')
    (folder / "workbench.toml").write_text(text)
    request = {
        name: "number" if pd.api.types.is_numeric_dtype(frame[name].dtype) else "category"
        for name in features
    }
    (folder / "notebooks" / "bench_features.py").write_text(_HELPERS.format(request=request))
    project = open_project(folder)
    run = Run(project, runs.start(project, "train", draft=False))
    trained = log_model(
        project,
        run.run_id,
        "boosting",
        estimator,
        sample=frame[features],
        metrics={"roc_auc": 0.7},
        trained_until=datetime(2013, 7, 1, tzinfo=UTC),
        datasets={"prepared": 1},
    )
    score = positive_scores(estimator, frame[features])
    found = judging.validate(
        frame,
        target="late",
        time="asked_at",
        scores={"candidate": score, "baseline": np.full(len(frame), 0.5)},
        config=_LENIENT,
    )
    cases = record_cases(frame, score, inputs=features, features=features, count=20)
    made = versions.register(run, trained, found, cases)
    assert made is not None
    promotion.promote(project, made.version, reason="for the benchmark", force=found.verdict != "passed")
    return project
