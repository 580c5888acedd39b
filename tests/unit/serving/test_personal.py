"""Personal columns: stable pseudonyms in the log, by a key that only the project has."""

from __future__ import annotations

import multiprocessing
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import ServingError
from workbench.project import Project, open_project
from workbench.serving.personal import KEY_FILE, Pseudonyms, concealer

PROJECT = '[project]\nname = "personal"\n[phases.x]\nnotebook = "x.ipynb"\n'
RACERS = 8


def project_in(folder: Path, *personal: str) -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "workbench.toml").write_text(f"{PROJECT}\n[serving]\npersonal = {list(personal)}\n")
    return open_project(folder)


def columns() -> dict[str, Any]:
    return {
        "name": np.array(["Ada", "Grace", None, "Ada"], dtype=object),
        "account": np.array([1545.0, 7.5, np.nan, 1545.0]),
        "born": np.array(["1815-12-10T00:00:00", "NaT", "1906-12-09T01:00:00", "NaT"], "datetime64[us]"),
        "size": np.array([1.0, 2.0, 3.0, 4.0]),
    }


def test_the_log_gets_pseudonyms_in_place_of_names_numbers_and_times(tmp_path: Path) -> None:
    conceal = concealer(project_in(tmp_path, "name", "account", "born", "absent"))
    assert conceal is not None
    given = columns()
    kept = conceal(given)
    for name in ("name", "account", "born"):
        missing = [value is None for value in kept[name]]
        texts = [value for value in kept[name] if value is not None]
        assert missing == [value is None or value != value for value in given[name].tolist()]
        assert all(value.startswith("p-") and len(value) == 18 for value in texts)
    assert kept["name"][0] == kept["name"][3] != kept["name"][1]
    assert kept["account"][0] == kept["account"][3] != kept["account"][1]
    assert kept["size"] is given["size"]
    assert list(kept) == list(given)
    assert given["name"][0] == "Ada", "the model sees what was asked"


def test_nothing_is_done_where_nothing_is_personal(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    assert concealer(project) is None
    assert not (project.state / KEY_FILE).exists()


def test_the_same_value_has_the_same_pseudonym_however_it_comes_and_whenever(tmp_path: Path) -> None:
    project = project_in(tmp_path, "name")
    first, later = Pseudonyms.open(project), Pseudonyms.open(project)
    assert first.of("Ada") == later.of("Ada")
    assert first.of(1545) == later.of(1545.0) == later.of(np.float64(1545))
    moment = datetime(1815, 12, 10, 5, tzinfo=UTC)
    texts = ("1815-12-10T05:00:00Z", "1815-12-10T06:00:00+01:00", "1815-12-10 05:00:00.000000+00:00")
    assert {first.of(value) for value in (moment, *texts)} == {later.of(moment.replace(tzinfo=None))}
    assert later.of(float("nan")) is later.of(None) is None


def test_another_project_has_other_pseudonyms(tmp_path: Path) -> None:
    one, two = (Pseudonyms.open(project_in(tmp_path / name, "name")) for name in ("one", "two"))
    assert one.of("Ada") != two.of("Ada")


def test_more_people_than_are_kept_in_memory_keep_their_pseudonyms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.serving.personal._MOST_KEPT", 3)
    pseudonyms = Pseudonyms.open(project_in(tmp_path))
    people = [f"person {number}" for number in range(10)]
    assert [pseudonyms.of(name) for name in people] == [pseudonyms.of(name) for name in people]
    assert len({pseudonyms.of(name) for name in people}) == len(people)


def _open_when_all_are_there(root: str, gate: Any, results: Any) -> None:
    project = open_project(root)
    gate.wait()
    results.put(Pseudonyms.open(project).of("Ada"))


def test_processes_that_start_at_once_make_one_key_that_only_the_owner_reads(tmp_path: Path) -> None:
    project = project_in(tmp_path, "name")
    context = multiprocessing.get_context("fork")
    gate, results = context.Barrier(RACERS, timeout=60), context.Queue()
    racers = [
        context.Process(target=_open_when_all_are_there, args=(str(project.root), gate, results))
        for _ in range(RACERS)
    ]
    for racer in racers:
        racer.start()
    assert len({results.get(timeout=60) for _ in racers}) == 1
    for racer in racers:
        racer.join(timeout=60)
    assert [path.name for path in project.state.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((project.state / KEY_FILE).stat().st_mode) == 0o600


def test_a_key_that_others_may_read_or_that_is_damaged_is_not_used(tmp_path: Path) -> None:
    project = project_in(tmp_path, "name")
    Pseudonyms.open(project)
    path = project.state / KEY_FILE
    path.chmod(0o640)
    with pytest.raises(ServingError, match=r"others may read .*: chmod 600 .*pseudonyms\.key"):
        Pseudonyms.open(project)
    path.chmod(0o600)
    path.write_text(path.read_text()[:20])
    with pytest.raises(ServingError, match=r"pseudonyms\.key is damaged"):
        Pseudonyms.open(project)
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(ServingError, match=r"cannot be used: Is a directory"):
        Pseudonyms.open(project)
