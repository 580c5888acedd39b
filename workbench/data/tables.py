"""Datasets: named Delta tables whose versions never change.

Every write replaces the whole content as a new version. The commit carries what is needed to
account for it later: who wrote it, in which run and phase, and a hash of the content, so that
writing the same content again makes no new version.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from workbench.errors import DataError, DatasetNotFound

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["DatasetVersion", "Origin", "Tables"]

_COMMIT_RETRIES = 10
_WAIT_SECONDS = 600


@dataclass(frozen=True)
class Origin:
    """Who wrote a version: the run, its phase, and whether later runs may read it by default.

    ``default`` is false for what a nested run wrote (a retraining prepares its own data); such a
    version is read by the run that made it, and by whoever asks for it by number.
    """

    run_id: str = ""
    phase: str = ""
    who: str = ""
    default: bool = True


@dataclass(frozen=True)
class DatasetVersion:
    """One immutable version of a dataset.

    ``content`` is the SHA-256 of the rows in Arrow's stream format; ``rows`` counts them.
    """

    name: str
    version: int
    uri: str
    rows: int
    content: str
    key: tuple[str, ...] = ()
    description: str = ""
    written_at: str = ""
    origin: Origin = Origin()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> DatasetVersion:
        return cls(**{**raw, "key": tuple(raw["key"]), "origin": Origin(**raw["origin"])})

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Tables:
    """The datasets below one root folder (or object storage address)."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def uri(self, name: str) -> str:
        return f"{self.root}/{name}"

    def write(
        self,
        name: str,
        frame: pd.DataFrame,
        *,
        origin: Origin,
        key: tuple[str, ...] = (),
        description: str = "",
        unless: DatasetVersion | None = None,
    ) -> DatasetVersion:
        """Write ``frame`` as a new version, unless ``unless`` holds the same content already.

        Raises
        ------
        DataError
            When the frame cannot be stored: no columns, or ``key`` is absent, empty or repeated.
        """
        import deltalake

        _check_key(name, frame, key)
        table = _to_arrow(name, frame)
        content = _hash(table)
        if unless is not None and unless.content == content:
            return unless
        token = uuid.uuid4().hex
        written = DatasetVersion(
            name=name,
            version=-1,
            uri=self.uri(name),
            rows=table.num_rows,
            content=content,
            key=key,
            description=description,
            written_at=datetime.now(UTC).isoformat(timespec="seconds"),
            origin=origin,
        )
        with self._alone(name):
            self._commit(name, table, description, _to_commit(written, token))
            for commit in deltalake.DeltaTable(self.uri(name)).history():
                if commit.get("workbench.token") == token:
                    return replace(written, version=int(commit["version"]))
        raise DataError(f"dataset {name!r}: the version that was just written is not in its log")

    def _alone(self, name: str) -> AbstractContextManager[object]:
        """One writer of a dataset at a time: Delta refuses a second, and makes one of two first versions."""
        if "://" in self.root:
            return nullcontext()
        Path(self.root).mkdir(parents=True, exist_ok=True)
        return FileLock(Path(self.root) / f"{name}.lock", timeout=_WAIT_SECONDS)

    def _commit(self, name: str, table: pa.Table, description: str, about: dict[str, str]) -> None:
        """Add a version; again when somebody else did so meanwhile."""
        import deltalake
        from deltalake.exceptions import CommitFailedError

        for attempt in range(_COMMIT_RETRIES):
            try:
                deltalake.write_deltalake(
                    self.uri(name),
                    table,
                    mode="overwrite",
                    schema_mode="overwrite",
                    description=description or None,
                    commit_properties=deltalake.CommitProperties(
                        custom_metadata=about, max_commit_retries=_COMMIT_RETRIES
                    ),
                )
                return
            except CommitFailedError:
                if attempt == _COMMIT_RETRIES - 1:
                    raise

    def read(self, version: DatasetVersion, columns: list[str] | None = None) -> pd.DataFrame:
        """The rows of that version."""
        import deltalake

        table = deltalake.DeltaTable(version.uri, version=version.version)
        frame: pd.DataFrame = table.to_pyarrow_table(columns=columns).to_pandas()
        return frame

    def history(self, name: str) -> list[DatasetVersion]:
        """All versions, newest first; empty when nothing was written yet."""
        import deltalake

        if not deltalake.DeltaTable.is_deltatable(self.uri(name)):
            return []
        commits = deltalake.DeltaTable(self.uri(name)).history()
        return [
            _from_commit(name, self.uri(name), commit) for commit in commits if "workbench.token" in commit
        ]

    def newest(self, name: str, accept: Callable[[DatasetVersion], bool]) -> DatasetVersion:
        """The newest version that ``accept`` allows.

        Raises
        ------
        DatasetNotFound
            When there is none.
        """
        for version in self.history(name):
            if accept(version):
                return version
        raise DatasetNotFound(
            f"dataset {name!r} has no version from a finished run yet; "
            "run the phase that writes it: workbench run"
        )

    def names(self) -> list[str]:
        """The datasets that exist (local roots only)."""
        root = Path(self.root)
        if "://" in self.root or not root.is_dir():
            return []
        return sorted(folder.name for folder in root.iterdir() if (folder / "_delta_log").is_dir())


def _check_key(name: str, frame: pd.DataFrame, key: tuple[str, ...]) -> None:
    if not len(frame.columns):
        raise DataError(f"dataset {name!r}: a frame without columns cannot be written")
    absent = [column for column in key if column not in frame.columns]
    if absent:
        raise DataError(f"dataset {name!r}: key column {absent[0]!r} is not in the frame")
    if key:
        repeated = int(frame.duplicated(list(key)).sum())
        if repeated:
            raise DataError(
                f"dataset {name!r}: {repeated} rows repeat a key ({', '.join(key)}); nothing was written"
            )


def _to_arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"dataset {name!r}: cannot be stored as a table: {error}") from error
    # One spelling of text, so that a frame that was read hashes like the frame that was written.
    fields = [
        field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields)).combine_chunks()


def _hash(table: pa.Table) -> str:
    import pyarrow as pa

    sink = _HashingSink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table)
    return sink.digest.hexdigest()


class _HashingSink:
    """A file that keeps nothing but the hash of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True


def _to_commit(version: DatasetVersion, token: str) -> dict[str, str]:
    return {
        "workbench.token": token,
        "workbench.content": version.content,
        "workbench.rows": str(version.rows),
        "workbench.key": ",".join(version.key),
        "workbench.description": version.description,
        "workbench.written_at": version.written_at,
        "workbench.run_id": version.origin.run_id,
        "workbench.phase": version.origin.phase,
        "workbench.who": version.origin.who,
        "workbench.default": "yes" if version.origin.default else "no",
    }


def _from_commit(name: str, uri: str, commit: dict[str, Any]) -> DatasetVersion:
    def told(key: str) -> str:
        return str(commit.get(f"workbench.{key}", ""))

    return DatasetVersion(
        name=name,
        version=int(commit["version"]),
        uri=uri,
        rows=int(told("rows") or 0),
        content=told("content"),
        key=tuple(filter(None, told("key").split(","))),
        description=told("description"),
        written_at=told("written_at"),
        origin=Origin(told("run_id"), told("phase"), told("who"), told("default") != "no"),
    )
