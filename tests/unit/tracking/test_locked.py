"""Requirements from a project's lock."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from workbench.errors import MissingExtra
from workbench.locate import LOCK_NAMES
from workbench.store.hashing import hash_file
from workbench.tracking.locked import requirements

NEEDED = (("numpy",), ("scikit-learn",))
LOCKS = {
    "requirements.lock": "numpy=={} \\\n    --hash=sha256:aa\n    # via pandas\n"
    "scikit_learn[x]==0.1 ; x\nother==3\n",
    "uv.lock": 'version = 1\n[[package]]\nname = "numpy"\nversion = "{}"\n[[package]]\nname = "scikit-learn"'
    '\nversion = "0.1"\n[[package]]\nname = "local"\n',
    "pylock.toml": '[[packages]]\nname = "numpy"\nversion = "{}"\n[[packages]]\nname = "scikit-learn"\n'
    'version = "0.1"\n',
    "poetry.lock": '[[package]]\nname = "numpy"\nversion = "{}"\n[[package]]\nname = "scikit-learn"\n'
    'version = "0.1"\n',
    "conda-lock.yml": "package:\n- name: numpy\n  manager: conda\n  version: {}\n- name: scikit-learn\n"
    "  version: '0.1'\n  manager: conda\n",
}


def test_every_lock_that_counts_is_tried() -> None:
    assert tuple(LOCKS) == LOCK_NAMES


@pytest.mark.parametrize("name", LOCKS)
def test_versions_are_the_locks_and_a_difference_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LOCKS[name].format(version("numpy")))
    found = requirements(tmp_path, NEEDED)
    assert found.pins == [f"numpy=={version('numpy')}", "scikit-learn==0.1"]
    assert found.apart == [f"scikit-learn {version('scikit-learn')} is installed, 0.1 is locked"]
    assert found.tags == {
        "lock": name,
        "lock_sha256": hash_file(tmp_path / name),
        "apart_from_lock": found.apart[0],
    }


def test_of_several_locked_versions_the_installed_one_counts(tmp_path: Path) -> None:
    lock = f"numpy==1.0 ; python_version < '3.11'\nnumpy=={version('numpy')} ; python_version >= '3.11'\n"
    (tmp_path / "requirements.lock").write_text(lock)
    assert requirements(tmp_path, (("numpy",),)).pins == [f"numpy=={version('numpy')}"]


@pytest.mark.parametrize("lock", [None, "", "this is no lock ["])
def test_without_a_lock_the_installed_versions_count(lock: str | None, tmp_path: Path) -> None:
    if lock is not None:
        (tmp_path / "uv.lock").write_text(lock)
    found = requirements(tmp_path, NEEDED)
    assert found.pins == [f"{name}=={version(name)}" for name in ("numpy", "scikit-learn")]
    assert (found.lock, found.apart) == ("" if lock is None else "uv.lock", [])


def test_what_is_neither_locked_nor_installed_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match="needs nowhere, which is not installed"):
        requirements(tmp_path, (("nowhere",),))


def test_one_of_several_names_is_enough(tmp_path: Path) -> None:
    assert requirements(tmp_path, (("nowhere", "numpy"),)).pins == [f"numpy=={version('numpy')}"]
