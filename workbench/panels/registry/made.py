"""What was read or made of versions: validations, deltas and cards, each once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.project import Project

if TYPE_CHECKING:
    from workbench.registry.card.writing import Card
    from workbench.registry.deltas.result import Delta
    from workbench.registry.gates.validation import Validation
    from workbench.registry.versions import ModelVersion

__all__ = ["Made"]


class Made:
    """A delta or a card takes seconds: it is made when somebody asks for it, and kept."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._validations: dict[int, Validation] = {}
        self._deltas: dict[tuple[int, int], Delta] = {}
        self._cards: dict[int, Card] = {}

    def forget_validations(self) -> None:
        """What was read is to be read anew."""
        self._validations.clear()

    def validation(self, version: ModelVersion, *, away: bool) -> Validation | None:
        """The validation of a version; while its store is ``away`` the one that was read before, or None.

        Raises
        ------
        RegistryError
            It has none, or it cannot be read.
        """
        from workbench.registry.card.rows import validation_of

        number = version.version
        if number not in self._validations and not away:
            self._validations[number] = validation_of(version, self._project)
        return self._validations.get(number)

    def delta(self, pair: tuple[int, int] | None) -> Delta | None:
        """Where two versions disagree, if that was measured."""
        return self._deltas.get(pair) if pair else None

    def measure(self, pair: tuple[int, int]) -> None:
        """Measure it, as ``workbench models delta`` does (errors as of ``recorded_delta``)."""
        from workbench.registry.deltas.recorded import recorded_delta

        self._deltas[pair] = recorded_delta(self._project, *pair)

    def card(self, version: int | None) -> Card | None:
        """The card of a version, if it was written here."""
        return self._cards.get(version) if version else None

    def card_file(self, version: int | None) -> Path | None:
        """Where its card lies, if anybody has written one."""
        from workbench.registry.card.writing import cards_folder

        path = cards_folder(self._project) / f"v{version}.html"
        return path if version and path.is_file() else None

    def write_card(self, version: int) -> None:
        """Write it, as ``workbench models card`` does (errors as of ``write_card``)."""
        from workbench.registry.card.writing import write_card

        self._cards[version] = write_card(self._project, version)
