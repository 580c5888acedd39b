"""Which runs have to stay, whatever their age, since something that is in use leads back to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from workbench.data.tables import Tables
from workbench.store import reviews, tables
from workbench.store.database import open_database

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from workbench.project import Project
    from workbench.tracking.reports import Manifest
    from workbench.tracking.rows import RunInfo

__all__ = ["kept_runs"]

_PAGE = 1000


def kept_runs(
    project: Project,
    client: MlflowClient,
    runs: Sequence[RunInfo],
    manifests: Mapping[str, Sequence[Manifest]],
    keep: int,
) -> dict[str, str]:
    """Run id to the reason for which it stays.

    Parameters
    ----------
    runs : sequence of RunInfo
        All runs of the project, the newest first.
    manifests : mapping
        Those of all reports by phase, the newest first.
    keep : int
        How many of the newest reports of each phase stay.
    """
    reasons: dict[str, str] = {}
    for run_id, reason in (
        *_of_versions(client),
        *_of_ledger(project),
        *_of_sign_offs(project),
        *_of_newest(runs, manifests, keep),
        *_of_datasets(project, manifests),
    ):
        reasons.setdefault(run_id, reason)
    _follow(reasons, {run.run_id: run for run in runs}, manifests)
    return reasons


def _of_versions(client: MlflowClient) -> Iterator[tuple[str, str]]:
    """The runs that trained, validated and registered a model version, of whatever model."""
    token: str | None = None
    while True:
        page = client.search_model_versions(max_results=_PAGE, page_token=token)
        for version in page:
            name = f"{version.name} v{version.version}"
            yield version.run_id or "", f"trained {name}"
            yield version.tags.get("workbench.run_id", ""), f"registered {name}"
            yield version.tags.get("workbench.pipeline_run_id", ""), f"registered {name}"
        token = page.token
        if not token:
            return


def _of_ledger(project: Project) -> Iterator[tuple[str, str]]:
    database = open_database(project)
    try:
        with database.read() as connection:
            found = connection.execute(select(tables.ledger.c.run_id, tables.ledger.c.alias)).all()
    finally:
        database.close()
    return ((row.run_id or "", f"the ledger names it for {row.alias}") for row in found)


def _of_sign_offs(project: Project) -> Iterator[tuple[str, str]]:
    """Who stands by a report stands by something that is there."""
    with open_database(project).read() as connection:
        found = reviews.standing(connection, project.name)
    return ((run_id, f"{person} signed its report off") for run_id, person in found.items())


def _of_newest(
    runs: Sequence[RunInfo], manifests: Mapping[str, Sequence[Manifest]], keep: int
) -> Iterator[tuple[str, str]]:
    """The newest reports of each phase, its newest finished run, and what runs at this moment."""
    seen: set[str] = set()
    for run in runs:
        if run.status == "running":
            yield run.run_id, "it runs"
        if run.status == "finished" and not run.draft and run.phase not in seen:
            seen.add(run.phase)
            yield run.run_id, f"the newest finished run of {run.phase}"
    for phase, found in manifests.items():
        for manifest in found[:keep]:
            yield manifest.run_id, f"one of the newest {keep} reports of {phase}"
        # What a nested run left is not what later runs read, so that the newest of the others counts.
        finished = (item for item in found if item.status == "finished" and item.default)
        for manifest in [*finished][:1]:
            yield manifest.run_id, f"the newest finished run of {phase}"


def _of_datasets(project: Project, manifests: Mapping[str, Sequence[Manifest]]) -> Iterator[tuple[str, str]]:
    """The run that wrote the newest version of a dataset: without its report nobody reads that."""
    finished = {item.run_id for found in manifests.values() for item in found if item.status == "finished"}
    datasets = Tables(project.data_uri)
    for name in datasets.names():
        for version in datasets.history(name):
            if version.origin.default and version.origin.run_id in finished:
                yield version.origin.run_id, f"wrote {version}, the newest"
                break


def _follow(
    reasons: dict[str, str], runs: Mapping[str, RunInfo], manifests: Mapping[str, Iterable[Manifest]]
) -> None:
    """Add what the kept runs lead to: the pipeline runs around them, and who wrote the data they saw."""
    reports = {item.run_id: item for found in manifests.values() for item in found}
    waiting = list(reasons)
    while waiting:
        run_id = waiting.pop()
        short = run_id[:8]
        found: list[tuple[str, str]] = []
        if run_id in runs:
            found.append((runs[run_id].parent_run_id, f"around {short}, which stays"))
        if run_id in reports:
            report = reports[run_id]
            found.append((report.pipeline_run_id, f"around {short}, which stays"))
            found += [
                (version.origin.run_id, f"wrote {version}, which {short} saw")
                for version in (*report.reads, *report.writes)
            ]
        for other, reason in found:
            if other and other not in reasons:
                reasons[other] = reason
                waiting.append(other)
    reasons.pop("", None)
