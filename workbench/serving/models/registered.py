"""The models of the project's registry, with the project's own features and memory datasets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.data.columns import moments_of
from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import ConfigError, ServingError
from workbench.project import Project
from workbench.registry import cases as recorded
from workbench.serving.health import Memory
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.protocol.ranges import unquoted
from workbench.serving.protocol.schema import RequestSchema
from workbench.serving.settings import MemoryVersion, Settings
from workbench.tracking import reports
from workbench.tracking.helpers import differences, helper_hashes

if TYPE_CHECKING:
    from workbench.data.features import PointInTimeTable

__all__ = ["RegisteredModels", "feature_builder"]

_log = logging.getLogger(__name__)


class RegisteredModels:
    """A :class:`~workbench.serving.models.loaded.ModelSource` on the registry and the ledger."""

    def __init__(self, project: Project, settings: Settings) -> None:
        self._project = project
        self._pinned_memory = settings.memory
        self._built: tuple[dict[str, MemoryVersion], FeatureBuilder] | None = None
        # Before any is imported; what is imported stays as it is, whatever becomes of the files.
        self._imported = helper_hashes(project)

    def aliases(self) -> dict[str, int]:
        from workbench.registry import aliases

        return aliases.held(self._project)

    def champion_before(self) -> int | None:
        from workbench.registry import succession

        return succession.champion_before(succession.champions(self._project))

    def load(self, version: int, features: FeatureBuilder) -> LoadedModel:
        """Load a version, and ask it its recorded cases.

        Raises
        ------
        UnsafeModel, RegistryError
            When it cannot be loaded.
        ServingError
            When it does not answer as it did when it was validated, or the project's ``build_arrays`` and
            ``build`` differ on its recorded cases; or when it needs helpers that were changed since this
            process imported them.
        UnknownName, ConfigError
            When ``[serving]`` names a column that no raw row has, or a feature that is personal.
        """
        from workbench.registry import compile, loading
        from workbench.registry.versions import get_version

        found = get_version(self._project, version)
        self._refuse_outdated(loading.registered_helpers(found), str(found))
        estimator = loading.load(found, self._project)
        answered = loading.answers(found, self._project, estimator, imported=self._imported)
        for change in answered.helpers:
            _log.warning("%s: %s", found, change)
        if len(answered.wrong):
            raise ServingError(
                f"{found} answers {len(answered.wrong)} of {answered.cases} recorded cases differently now"
            )
        cases = loading.recorded_cases(found, self._project)
        known = recorded.features(cases)
        request = _declared(self._project) or RequestSchema.of(recorded.inputs(cases))
        config = self._project.config.serving
        config.check_columns(request.columns, known.columns)
        request = replace(request, ranges=unquoted(request.ranges, config.personal))
        raw = request.columns_of(recorded.inputs(cases))
        alike = features.check_arrays(request, raw, moments_of(cases["asked_at"]))
        return LoadedModel(
            model=found.model,
            version=found.version,
            run_id=found.run_id,
            estimator=estimator,
            features=features,
            request=request,
            path=compile.choose(estimator, [known], config.row_wise),
            trained_from=found.datasets,
            frames_of_arrays=alike,
        )

    def _refuse_outdated(self, needed: dict[str, str], version: str) -> None:
        """Refuse a version whose features this process cannot build, and one that starts now could.

        Where neither can, as on the way back past a change of the helpers, its recorded cases decide.
        """
        changed = differences(self._imported, needed) if needed else []
        if changed and not differences(helper_hashes(self._project), needed):
            raise ServingError(
                f"{version} needs other helpers than this server has imported ({'; '.join(changed)}): "
                "have it replace its workers (SIGHUP to workbench serve), or start it again"
            )

    def features(self) -> FeatureBuilder:
        wanted = self._pinned_memory
        if wanted is None:
            wanted = {name: _newest(self._project, name) for name in self._project.model.memory}
        if self._built is None or self._built[0] != wanted:
            self._built = (dict(wanted), feature_builder(self._project, wanted))
        return self._built[1]


def feature_builder(project: Project, memory: Mapping[str, MemoryVersion]) -> FeatureBuilder:
    """The project's ``build`` with the given versions of its memory datasets read.

    Beside ``build``, in the same module, stands ``MEMORY``: what each memory dataset holds.

    Raises
    ------
    ConfigError
        When they are not there, or a memory dataset of ``workbench.toml`` is not among ``memory``.
    """
    reference = project.model.features
    module = reference.partition(":")[0]
    build = project.resolve(reference)
    specs = project.resolve(f"{module}:MEMORY") if project.model.memory else {}
    tables: dict[str, PointInTimeTable] = {}
    about: list[Memory] = []
    for name in project.model.memory:
        if name not in specs:
            raise ConfigError(f"{module}:MEMORY does not say what the memory dataset {name!r} holds")
        if name not in memory:
            raise ConfigError(f"no version of the memory dataset {name!r} was given")
        tables[name], described = _read(project, name, memory[name], specs[name])
        about.append(described)
    return FeatureBuilder(build, tables, tuple(about), _arrays(project, module))


def _arrays(project: Project, module: str) -> Any:
    """The project's ``build_arrays``, if it has one beside ``build``."""
    try:
        return project.resolve(f"{module}:build_arrays")
    except ConfigError:
        return None


def _read(project: Project, name: str, version: MemoryVersion, spec: Any) -> tuple[PointInTimeTable, Memory]:
    import pandas as pd

    from workbench.data.features import PointInTimeTable

    dataset = DatasetVersion(name=name, version=version.version, uri=version.uri, rows=0, content="")
    frame = Tables(project.data_uri).read(dataset)
    table = PointInTimeTable.from_frame(
        name, frame, key=spec.key, values=list(spec.values), max_age=spec.max_age
    )
    newest = pd.to_datetime(frame["valid_from"], utc=True).max()
    return table, Memory(
        name, version.version, len(frame), None if pd.isna(newest) else newest.to_pydatetime()
    )


def _declared(project: Project) -> RequestSchema | None:
    """What the project says that a raw row has, in ``REQUEST`` beside its ``build``."""
    reference = f"{project.model.features.partition(':')[0]}:REQUEST"
    try:
        columns = project.resolve(reference)
    except ConfigError:
        return None
    return RequestSchema.declared(columns, reference)


def _newest(project: Project, name: str) -> MemoryVersion:
    """The newest version that a finished run wrote for all to read."""

    def published(version: DatasetVersion) -> bool:
        if not version.origin.default:
            return False
        manifest = reports.find(project, version.origin.phase, version.origin.run_id)
        return manifest is not None and manifest.status == "finished"

    found = Tables(project.data_uri).newest(name, published)
    return MemoryVersion(found.uri, found.version)
