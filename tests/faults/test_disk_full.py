"""A disk of any size that is too small: a run says so in one line, and goes on when there is room."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.lives import WHOLE, Life, agent_folder, left_behind, results, torn
from tests.projects import make_project, migrated_stores
from workbench.project import Project, open_project
from workbench.tracking import reports

#: In KiB: from "not even the tracking store fits" to "enough".
SIZES = [16, 64, 256, 512, 900, 1000, 1050, 1100, 1150, 1200, 1250, 1300, 1350, 1400, 1450, 1500, 1600, 2400]
ROOM = "64m"


@pytest.fixture(scope="module")
def agents() -> Iterator[Path]:
    with agent_folder() as folder:
        yield folder


def _mount(*options: str) -> None:
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip() or 'not permitted'}")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One for all sizes, so that they share an agent; what it keeps is on a disk of each test's own."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    made = make_project(
        tmp_path_factory.mktemp("small") / "project",
        {
            "gather": [
                "import pandas as pd",
                'phase.write("numbers", pd.DataFrame({"x": range(9000)}))\nphase.note("rows", 9000)',
            ],
            "show": ['print("x" * 30_000)\nphase.note("most", int(phase.read("numbers").x.max()))'],
        },
    )
    with (made.root / "workbench.toml").open("a") as file:
        file.write('\n[execution]\npreload = ["json"]\n')
    return open_project(made.root)


@pytest.fixture
def disk(project: Project) -> Iterator[Path]:
    """Where a small disk may be put, which is taken off afterwards."""
    yield project.state
    subprocess.run(["umount", "-l", str(project.state)], capture_output=True, check=False)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("size", SIZES)
def test_a_disk_that_is_full_is_named_and_nothing_is_torn(
    project: Project, disk: Path, agents: Path, size: int
) -> None:
    store = migrated_stores() / "mlflow.db"
    _mount("-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk))
    if size > store.stat().st_size // 1024 + 8:  # else it cannot even be made
        shutil.copyfile(store, disk / store.name)

    status, said = Life(project, agents, own=WHOLE).end()
    assert torn(project) == []
    assert "Traceback (most recent call last):" not in said
    assert status in (0, 1)
    if status:
        assert re.search("no space left on the disk of|No space left on device|disk is full", said), said
    else:
        assert "2 phases" in said
        assert "finished" in said
    for folder, manifest in reports.all_manifests(project):
        assert manifest is not None, folder
        assert manifest.status != "finished" or (folder / reports.HTML).stat().st_size > 10_000

    _mount("-o", f"remount,size={ROOM}", str(disk))
    if size > SIZES[0] and not (disk / store.name).exists():  # once is enough: making it takes seconds
        shutil.copyfile(store, disk / store.name)
    status, said = Life(project, agents, own=WHOLE).end()
    assert status == 0, said
    assert torn(project) == []
    assert left_behind(project) == []
    assert results(project)["show"] == {"most": 8999}
    assert results(project)["gather"]["rows"] == 9000
