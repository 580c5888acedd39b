"""A version that is registered says which path it will be asked by."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from tests.unit.registry import small
from workbench.cli.models_show import show
from workbench.data.tables import Origin, Tables
from workbench.project import Project
from workbench.registry import compile
from workbench.registry.compile import kernels
from workbench.registry.compile.recording import serving_path
from workbench.registry.versions import ModelVersion


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small.small_project(tmp_path / "project")


@pytest.fixture
def run(project: Project) -> small.Run:
    return small.start(project)


def shown(project: Project, version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(project.root)
    return CliRunner().invoke(show, [str(version.version)], catch_exceptions=False).stdout


def test_a_version_is_compared_on_its_training_rows(run: small.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Tables(run.project.data_uri).write("prepared", small.rows(), origin=Origin())
    version = small.register(run, replace(small.train(run), datasets={"prepared": written.version}))
    why = version.tag("serving_path_why")
    assert version.tag("serving_path") == "compiled"
    assert why.startswith("5 trees of up to ")
    assert f": 8 recorded cases, 600 rows of prepared v{written.version}, the rest at the edges" in why
    assert f"served by: compiled path ({why})" in shown(run.project, version, monkeypatch)


def test_a_version_without_training_rows_says_so(run: small.Run) -> None:
    table = small.rows().drop(columns="age")
    written = Tables(run.project.data_uri).write("other", table, origin=Origin())
    trained = replace(small.train(run), datasets={"prepared": 3, "other": written.version})
    path, why = serving_path(run.project, trained, small.recorded())
    assert path == "compiled"
    assert "no training rows, since none of its datasets has all features" in why


def test_a_model_that_is_not_known_takes_the_plain_path(
    run: small.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = small.rows()[["size"]]
    unknown = make_pipeline(MaxAbsScaler(), GaussianNB()).fit(frame, small.rows()["late"])
    version = small.register(run, small.train(run, _takes(unknown)))
    assert version.tag("serving_path") == "plain"
    expected = "served by: plain path: GaussianNB: it is served on the plain path"
    assert expected in shown(run.project, version, monkeypatch)


def _takes(estimator: Any) -> Any:
    """The same behind a step that leaves out the other features."""
    from sklearn.compose import ColumnTransformer

    only = ColumnTransformer([("size", "passthrough", ["size"])])
    return make_pipeline(only, *(step for _, step in estimator.steps)).fit(
        small.rows()[small.FEATURES], small.rows()["late"]
    )


def test_a_model_that_does_not_load_is_registered_all_the_same(run: small.Run) -> None:
    trained = replace(small.train(run), sha256="0" * 64)
    path, why = serving_path(run.project, trained, small.recorded())
    assert path == "plain"
    assert why.startswith("it could not be compared: UnsafeModel: ")
    assert small.register(run, trained).tag("serving_path") == "plain"


def test_numba_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compiled", "flattening", "inputs", "kernels", "trees", "weights"):
        monkeypatch.delitem(sys.modules, f"{compile.__name__}.{name}", raising=False)
        monkeypatch.delattr(compile, name, raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    path = compile.choose(small.estimator(), [small.rows()[small.FEATURES]])
    assert path.compiled is None
    assert path.reason == "numba is not installed: pip install numba"


def test_machine_code_that_cannot_be_kept_is_made_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def njit(**options: Any) -> Any:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'linear': no locator available")
        return lambda function: function

    monkeypatch.setattr(kernels, "njit", njit)
    assert kernels._compiled(abs) is abs
    assert asked == [{"cache": True, "nogil": True}, {"nogil": True}]
