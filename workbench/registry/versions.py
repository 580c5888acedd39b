"""Model versions: ordinary MLflow versions, with what it takes to trust one recorded in their tags."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from workbench.errors import AliasMoved, RegistryError, UnknownName
from workbench.project import Project
from workbench.registry import aliases, shared
from workbench.registry.cases import write_cases
from workbench.registry.gates.unpassed import put_on_backlog
from workbench.registry.gates.validation import Validation
from workbench.store.clock import Clock
from workbench.tracking import store
from workbench.tracking.context import alias_then, note_input
from workbench.tracking.helpers import helper_hashes
from workbench.tracking.inputs import MODEL_NAME
from workbench.tracking.models import MODEL_URI, TrainedModel

if TYPE_CHECKING:
    import mlflow.entities.model_registry
    import pandas as pd

    from workbench.data.summary import Summary

__all__ = [
    "ModelVersion",
    "RegistryPhase",
    "champion",
    "champion_for",
    "champion_saw",
    "get_version",
    "list_versions",
    "register",
]

_TAG = "workbench."
_TRIES = 10
# What was recorded with the files: their kind, and the lock that their requirements are from.
_FROM_THE_MODEL = ("kind", "lock", "lock_sha256", "apart_from_lock")


class RegistryPhase(Protocol):
    """What the registry needs of the run it is called from, such as a notebook's phase."""

    @property
    def project(self) -> Project: ...
    @property
    def run_id(self) -> str: ...
    @property
    def pipeline_run_id(self) -> str: ...
    @property
    def draft(self) -> bool: ...


@dataclass(frozen=True)
class ModelVersion:
    """One version of the registered model.

    Attributes
    ----------
    run_id : str
        The run that trained it; the tag ``workbench.run_id`` names the one that validated it.
    uri : str
        For MLflow's own API: ``models:/<model>/<version>``.
    location : str
        Where its files lie.
    aliases : tuple of str
        As the ledger has them.
    tags : dict
        MLflow's tags; ours begin with ``workbench.``.
    trained_until : datetime or None
        Every row it learnt from was known before this moment.
    verdict : str
        Of its validation; empty when it was registered without one.
    sha256 : str
        Of its files when they were written; empty when the workbench did not write them.
    """

    model: str
    version: int
    run_id: str
    uri: str
    location: str
    aliases: tuple[str, ...]
    tags: dict[str, str]
    trained_until: datetime | None
    verdict: str
    sha256: str
    created_at: datetime

    @property
    def datasets(self) -> dict[str, int]:
        """Versions of the datasets it was trained from."""
        return dict(json.loads(self.tags.get(_TAG + "datasets", "{}")))

    def tag(self, name: str) -> str:
        """Our tag of that name (without its prefix), or an empty string."""
        return self.tags.get(_TAG + name, "")

    def __str__(self) -> str:
        return f"{self.model} v{self.version}"


def list_versions(project: Project) -> list[ModelVersion]:
    """All versions of the project's model, the newest first; empty before the first is registered."""
    found = store.client(project).search_model_versions(f"name = '{project.model.name}'")
    named = _aliases(project)
    return sorted((_version(item, named) for item in found), key=lambda item: -item.version)


def get_version(project: Project, version: int | str) -> ModelVersion:
    """A version by its number or by an alias.

    Raises
    ------
    UnknownName
        There is no such version, or no version has that alias.
    """
    from mlflow.exceptions import MlflowException

    number: int | None
    if isinstance(version, int) or version.removeprefix("v").isdecimal():
        number = int(str(version).removeprefix("v"))
    else:
        number = _looked_up(project, version)
    try:
        if number is not None:
            found = store.client(project).get_model_version(project.model.name, str(number))
            return _version(found, _aliases(project))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    known = [name for item in list_versions(project) for name in (str(item.version), *item.aliases)]
    raise UnknownName("model version", str(version), known, where=project.model.name)


def champion(project: Project) -> ModelVersion | None:
    """The champion, or None before there is one."""
    number = _looked_up(project, aliases.CHAMPION)
    return None if number is None else get_version(project, number)


def _looked_up(project: Project, alias: str) -> int | None:
    """The version that the alias names, on record as something that the present run depends on."""
    name = f"{project.model.name}@{alias}"
    then = alias_then(name)  # in a run that is repeated
    version = aliases.current(project, alias) if then is None else int(then) if then.isdecimal() else None
    note_input("alias", name, str(version))
    return version


def champion_for(project: Project, since: datetime, otherwise: int | str) -> tuple[ModelVersion, str]:
    """The version to send history through that begins at ``since``, and why it is this one.

    It is the champion, unless there is none or it learnt from that history already: replaying through
    it would flatter it. Then it is the version ``otherwise``.
    """
    present, other = champion(project), get_version(project, otherwise)
    if present is None:
        return other, f"there is no champion yet, so v{other.version} answers"
    if present.trained_until is None or present.trained_until <= since:
        return present, f"the champion v{present.version} answers"
    return other, (
        f"v{other.version} answers: the champion v{present.version} was trained on data up to "
        f"{present.trained_until:%Y-%m-%d}, and a replay of what it has learnt from would flatter it"
    )


def champion_saw(champion: ModelVersion | None, holdout_times: pd.Series[Any]) -> str:
    """Why the champion's figures on a holdout are too good to be true, or an empty string.

    For ``validate(champion_saw_holdout=…)``.
    """
    if champion is None or champion.trained_until is None or holdout_times.empty:
        return ""
    if holdout_times.min() >= champion.trained_until:
        return ""
    return (
        f"the champion v{champion.version} was trained on data up to {champion.trained_until:%Y-%m-%d}, "
        "which includes these rows"
    )


def register(
    phase: RegistryPhase,
    trained: TrainedModel,
    validation: Validation,
    cases: pd.DataFrame,
    *,
    reference: Summary | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
) -> ModelVersion | None:
    """Register a trained model as a version, whatever its verdict, and make it the challenger.

    Parameters
    ----------
    cases : DataFrame
        From :func:`~workbench.registry.cases.record_cases`: what it answered when it was validated. No
        alias moves to it later unless it still answers the same.
    reference : Summary, optional
        What drift is measured against (:func:`~workbench.registry.reference.summarize`); default: the holdout
        that it was judged on, with its scores.

    Returns
    -------
    ModelVersion or None
        None in a draft, which registers nothing and says so.

    Raises
    ------
    ConfigError
        MLflow is shared, but the ledger would lie on this machine. Nothing was registered.
    """
    from workbench.registry.compile.recording import serving_path
    from workbench.registry.reference import write_reference

    project = phase.project
    if phase.draft:
        print(f"draft: {trained.name!r} was not registered; a run from the command line does that")
        return None
    shared.refuse_apart(project)
    client, model = store.client(project), project.model.name
    note_input("setting", MODEL_NAME, model)
    folder = f"registry/{trained.model_id}"
    text, digest = write_cases(cases)
    judged = json.dumps(validation.to_dict(), ensure_ascii=False, indent=2)
    client.log_text(phase.run_id, text, f"{folder}/cases.json")
    client.log_text(phase.run_id, judged, f"{folder}/validation.json")
    logged = client.get_logged_model(trained.model_id)
    _make_model(project)
    path, why = serving_path(project, trained, cases)
    tags = {
        "name": trained.name,
        "trained_until": trained.trained_until.isoformat(),
        "verdict": validation.verdict,
        "sha256": trained.sha256,
        "size_bytes": str(trained.size_bytes),
        "datasets": json.dumps(trained.datasets, sort_keys=True),
        "metrics": json.dumps(trained.metrics, sort_keys=True),
        "run_id": phase.run_id,
        "pipeline_run_id": phase.pipeline_run_id,
        "evidence": folder,
        "cases_sha256": digest,
        "validation_sha256": hashlib.sha256(judged.encode()).hexdigest(),
        "helpers": json.dumps(helper_hashes(project)),
        "serving_path": path,
        "serving_path_why": why,
    }
    if kept := reference or validation.reference:
        tags["reference_sha256"] = write_reference(client, phase.run_id, folder, kept)
    for name in _FROM_THE_MODEL:
        if value := logged.tags.get(_TAG + name):
            tags[name] = value
    # MLflow would resolve a `models:/m-…` source against the process-wide tracking URI, so it gets the place.
    made = client.create_model_version(
        model,
        source=logged.artifact_location,
        run_id=trained.run_id,
        model_id=trained.model_id,
        tags={_TAG + name: value for name, value in tags.items()},
        description=f"{trained.name}: validation {validation.verdict}",
    )
    _link(project, trained, int(made.version))
    put_on_backlog(project, int(made.version), validation, phase.run_id, actor=actor, clock=clock)
    _challenge(phase, int(made.version), validation, actor, clock)
    return get_version(project, int(made.version))


def _make_model(project: Project) -> None:
    from mlflow.exceptions import MlflowException

    about = project.config.project
    try:
        store.client(project).create_registered_model(
            project.model.name,
            tags={_TAG + "project": about.name, _TAG + "owner": about.owner},
            description=about.title or about.intended_use,
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _link(project: Project, trained: TrainedModel, version: int) -> None:
    """Record what MLflow's `register_model` does: its UI then leads from the logged model to the version."""
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

    client = store.client(project)
    linked = json.loads(client.get_logged_model(trained.model_id).tags.get(MLFLOW_MODEL_VERSIONS, "[]"))
    linked.append({"name": project.model.name, "version": str(version)})
    client.set_logged_model_tags(trained.model_id, {MLFLOW_MODEL_VERSIONS: json.dumps(linked)})


def _challenge(
    phase: RegistryPhase, version: int, validation: Validation, actor: str | None, clock: Clock | None
) -> None:
    for _ in range(_TRIES):
        try:
            aliases.set_alias(
                phase.project,
                aliases.CHALLENGER,
                version,
                expected_from=aliases.current(phase.project, aliases.CHALLENGER),
                reason=f"registered; validation {validation.verdict}",
                actor=actor,
                run_id=phase.run_id,
                evidence={"action": "register", "verdict": validation.verdict},
                clock=clock,
            )
            return
        except AliasMoved:
            continue  # another run registered at the same time: the later one challenges
    raise RegistryError(f"v{version} is registered, but others kept taking the alias {aliases.CHALLENGER}")


def _aliases(project: Project) -> dict[int, tuple[str, ...]]:
    """The aliases of each version, as the ledger has them."""
    named: dict[int, tuple[str, ...]] = {}
    for alias, version in aliases.held(project).items():
        named[version] = (*named.get(version, ()), alias)
    return named


def _version(
    found: mlflow.entities.model_registry.ModelVersion, named: dict[int, tuple[str, ...]]
) -> ModelVersion:
    tags, number = dict(found.tags), int(found.version)
    until = tags.get(_TAG + "trained_until")
    return ModelVersion(
        model=found.name,
        version=number,
        run_id=found.run_id or "",
        uri=f"{MODEL_URI}{found.name}/{number}",
        location=found.source or "",
        aliases=named.get(number, ()),
        tags=tags,
        trained_until=datetime.fromisoformat(until) if until else None,
        verdict=tags.get(_TAG + "verdict", ""),
        sha256=tags.get(_TAG + "sha256", ""),
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
    )
