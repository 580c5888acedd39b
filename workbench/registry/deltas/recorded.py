"""The rows on which two versions can be compared, found from the record."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import DataError, RegistryError
from workbench.project import Project
from workbench.registry.card.rows import HoldoutRows, holdout_rows, validation_of
from workbench.registry.deltas.measuring import delta
from workbench.registry.deltas.result import Delta
from workbench.registry.versions import ModelVersion, get_version

__all__ = ["recorded_delta"]


def recorded_delta(
    project: Project, old: int | str, new: int | str, *, seed: int = 0, hide: Sequence[str] = ()
) -> Delta:
    """Compare two versions on the newest holdout that one of them was validated on.

    Rows from before the end of either version's training are left out: asked about what it has learnt, a
    version looks better than it is.

    Raises
    ------
    UnknownName
        There is no such version.
    RegistryError
        The rows are not found in the record.
    DataError
        No row is left that neither version has learnt from.
    """
    pair = get_version(project, old), get_version(project, new)
    judged, rows = _newest(project, pair)
    objective, gates = project.objective, project.config.gates
    frame, notes = rows.frame, []
    if not rows.exact:
        notes.append(f"the record leads to {rows}, which is not the number that {judged} was validated on")
    for version in pair:
        until = version.trained_until
        if until is None:
            notes.append(f"until when {version} learnt was not recorded: it may have learnt from these rows")
            continue
        times = frame[objective.time]
        seen = times < (until if times.dt.tz is not None else until.replace(tzinfo=None))
        if seen.all():
            raise DataError(
                f"{version} was trained until {until:%Y-%m-%d} and may have learnt from all rows that "
                f"{judged} was validated on; compare them on newer ones: registry.delta(…, frame)"
            )
        if seen.any():
            notes.append(
                f"{int(seen.sum()):,} rows from before {until:%Y-%m-%d} are left out, as {version} may have "
                "learnt from them"
            )
            frame = frame[~seen]
    return delta(
        project,
        *pair,
        frame,
        time=objective.time,
        target=objective.target,
        groups=project.model.groups,
        threshold=gates.threshold,
        rounds=gates.bootstrap_rounds,
        seed=seed,
        hide=hide,
        notes=notes,
        rows_from=f"the holdout of {judged}, in {rows.dataset}",
    )


def _newest(project: Project, pair: tuple[ModelVersion, ...]) -> tuple[ModelVersion, HoldoutRows]:
    """The version whose holdout ends last and can be found again, and its rows."""
    refused, known = [], []
    for version in pair:
        try:
            validation = validation_of(version, project)
        except RegistryError as error:
            refused.append(error.message)
            continue
        if validation.end is None:
            refused.append(f"{version}: its validation names no period")
        else:
            known.append((validation.end, version.version, version, validation))
    for _, _, version, validation in sorted(known, key=lambda item: item[:2], reverse=True):
        try:
            return version, holdout_rows(version, project, validation)
        except RegistryError as error:
            refused.append(error.message)
    raise RegistryError(
        f"no rows are found on which {pair[0]} and {pair[1]} could be compared; hand them in: "
        "registry.delta(project, old, new, frame, time=…)",
        details="\n".join(refused),
    )
