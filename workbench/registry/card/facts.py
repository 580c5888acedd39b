"""Everything that a card says, looked up in the stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import WorkbenchError
from workbench.project import Project
from workbench.registry import aliases, approvals, lineage
from workbench.registry.aliases import LedgerEntry
from workbench.registry.answering import check_answers
from workbench.registry.card.artifacts import artifact_text
from workbench.registry.card.insight import Insight
from workbench.registry.card.measured import insight
from workbench.registry.card.rows import feature_names, validation_of
from workbench.registry.gates.validation import Validation
from workbench.registry.versions import ModelVersion, get_version
from workbench.store.clock import Clock, project_clock

if TYPE_CHECKING:
    from workbench.registry.approvals import Tally
    from workbench.registry.lineage import Lineage

__all__ = ["CardFacts", "definitions", "gather"]

_CATALOGUE = "feature_catalogue"
_REQUIREMENTS = "requirements.txt"
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class CardFacts:
    """What the stores say of a version at one moment.

    What could not be found is None, and ``missing`` says under the same name why.

    Attributes
    ----------
    answered : int or None
        Recorded cases that it answered as recorded when the card was written; None when it did not.
    features : tuple of str
        The columns it is asked with.
    definitions : dict
        What each of them means, where the feature catalogue says so.
    approvals : Tally
        Who has approved it, against what the project asks of a champion.
    ledger : tuple of LedgerEntry
        The moves of aliases to this version and away from it.
    requirements : tuple of str
        What has to be installed to load it, as its files say.
    """

    project: Project
    version: ModelVersion
    at: datetime
    validation: Validation | None
    insight: Insight | None
    answered: int | None
    features: tuple[str, ...]
    definitions: dict[str, str]
    approvals: Tally
    ledger: tuple[LedgerEntry, ...]
    way_back: Lineage
    requirements: tuple[str, ...]
    missing: dict[str, str]

    @property
    def datasets(self) -> tuple[DatasetVersion, ...]:
        """What the runs that made it have read, each version once."""
        read = [item for run in self.way_back.runs for item in run.datasets]
        return tuple({(item.name, item.version): item for item in read}.values())

    def since(self, alias: str) -> LedgerEntry | None:
        """The move by which it got that alias, if it has it."""
        if alias not in self.version.aliases:
            return None
        return next((entry for entry in reversed(self.ledger) if entry.alias == alias), None)


def gather(
    project: Project, version: int | str, *, measure: bool = True, clock: Clock | None = None
) -> CardFacts:
    """Look up all there is on a version, which is named by its number or an alias.

    Parameters
    ----------
    measure : bool
        Also measure on the recorded holdout what the validation did not, which takes longest of all.

    Raises
    ------
    UnknownName
        There is no such version. Whatever else is not there is told in the facts.
    """
    chosen = get_version(project, version)
    missing: dict[str, str] = {}
    validation = _try("validation", missing, lambda: validation_of(chosen, project))
    names = tuple(_try("features", missing, lambda: feature_names(chosen, project)) or ())
    answered = _try("answers", missing, lambda: check_answers(project, chosen).cases)
    measured = None
    if not measure:
        missing["insight"] = "it was not measured here; the model card says"
    elif validation is None or answered is None:
        missing["insight"] = missing.get("validation") or missing["answers"]
    else:
        measured = _try("insight", missing, lambda: insight(project, chosen, validation))
    number = chosen.version
    return CardFacts(
        project=project,
        version=chosen,
        at=(clock or project_clock()).now(),
        validation=validation,
        insight=measured,
        answered=answered,
        features=names,
        definitions={name: text for name, text in definitions(project).items() if name in names},
        approvals=approvals.tally(project, chosen, aliases.CHAMPION),
        ledger=tuple(e for e in aliases.ledger(project) if number in (e.from_version, e.to_version)),
        way_back=lineage.of(project, chosen),
        requirements=_requirements(project, chosen),
        missing=missing,
    )


def _try(what: str, missing: dict[str, str], look: Callable[[], _T]) -> _T | None:
    try:
        return look()
    except WorkbenchError as error:
        missing[what] = error.message
    return None


def definitions(project: Project) -> dict[str, str]:
    """What features mean, from the newest version of the feature catalogue, if the project writes one."""
    try:
        newest = Tables(project.data_uri).history(_CATALOGUE)[:1]
        frame = Tables(project.data_uri).read(newest[0], ["feature", "definition"]) if newest else None
    except Exception:  # a dataset of that name may be anything, and a definition is an extra
        return {}
    if frame is None:
        return {}
    found: dict[Any, Any] = dict(zip(frame["feature"], frame["definition"], strict=True))
    return {str(name): str(text) for name, text in found.items() if isinstance(text, str)}


def _requirements(project: Project, version: ModelVersion) -> tuple[str, ...]:
    """The lines of the model's ``requirements.txt``; it is shown, and nothing is installed from it."""
    text = artifact_text(project, version.location, _REQUIREMENTS) or ""
    return tuple(filter(None, map(str.strip, text.splitlines())))
