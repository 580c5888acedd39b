"""The hash of a folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from workbench.errors import DataError
from workbench.store.hashing import hash_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "one"
    (made / "deep").mkdir(parents=True)
    (made / "a").write_bytes(b"alpha")
    (made / "deep" / "b").write_bytes(b"beta")
    return made


def test_a_copy_elsewhere_has_the_same_hash(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "two")
    assert hash_folder(folder) == hash_folder(tmp_path / "two")
    assert len(hash_folder(folder)) == 64


def test_one_flipped_bit_changes_it(folder: Path) -> None:
    before = hash_folder(folder)
    (folder / "deep" / "b").write_bytes(b"beua")
    assert hash_folder(folder) != before


def test_a_name_changes_it_and_so_does_a_file_more(folder: Path) -> None:
    before = hash_folder(folder)
    (folder / "a").rename(folder / "c")
    renamed = hash_folder(folder)
    (folder / "d").write_bytes(b"")
    assert len({before, renamed, hash_folder(folder)}) == 3


def test_content_does_not_move_between_files_unnoticed(tmp_path: Path) -> None:
    for name, first, second in (("x", b"12", b"3"), ("y", b"1", b"23")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_bytes(first)
        (tmp_path / name / "b").write_bytes(second)
    assert hash_folder(tmp_path / "x") != hash_folder(tmp_path / "y")


def test_only_names_at_the_top_are_ignored(folder: Path) -> None:
    before = hash_folder(folder, ignore={"note"})
    (folder / "note").write_bytes(b"left by somebody")
    assert hash_folder(folder, ignore={"note"}) == before
    (folder / "deep" / "note").write_bytes(b"deeper")
    assert hash_folder(folder, ignore={"note"}) != before


def test_links_and_pipes_are_refused(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(DataError, match="link is neither a file nor a folder"):
        hash_folder(folder)
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(DataError, match="pipe is neither a file nor a folder"):
        hash_folder(folder)


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        hash_folder(tmp_path / "absent")
