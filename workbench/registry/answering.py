"""Asking a version its recorded cases before anybody gets its answers."""

from __future__ import annotations

from workbench.errors import PromotionRefused, RegistryError
from workbench.project import Project
from workbench.registry.loading import Answers, answers, load
from workbench.registry.versions import ModelVersion

__all__ = ["check_answers"]


def check_answers(project: Project, version: ModelVersion) -> Answers:
    """Load a version and ask it its recorded cases, which it answers as recorded.

    That the project's helpers are other ones now is told, and refuses nobody: the cases decide.

    Raises
    ------
    PromotionRefused
        It does not load, or answers otherwise than recorded.
    """
    try:
        estimator = load(version, project)
    except RegistryError as error:
        raise PromotionRefused(f"{version} cannot be served: {error.message}") from error
    try:
        found = answers(version, project, estimator)
    except RegistryError as error:
        raise PromotionRefused(f"{version} cannot be served: {error.message}") from error
    except Exception as error:  # an estimator may raise anything on input that it does not know
        raise PromotionRefused(
            f"{version} cannot answer its recorded cases: {type(error).__name__}", details=str(error)
        ) from error
    if len(wrong := found.wrong):
        worst = wrong.iloc[(wrong["answer"] - wrong["score"]).abs().argmax()]
        changed = f"; {'; '.join(found.helpers)}" if found.helpers else ""
        raise PromotionRefused(
            f"{version} answers {len(wrong)} of {found.cases} recorded cases differently; the worst: "
            f"{worst['answer']:.6f} where {worst['score']:.6f} was recorded{changed}"
        )
    return found
