"""Model versions, their gates, the ledger of their aliases, and loading them without running their files.

============================  ====================================================================
:func:`judge`                 hold a candidate against its gates
:func:`register`              keep it as a version of the registered model, as challenger
:func:`champion`              the version that is served, if there is one
:func:`promote`               make a version champion; :func:`rollback` puts the one before back
:func:`approve`               say that you have looked at a version that is not yours
:func:`delta`                 where two versions disagree, on the same rows
:func:`write_card`            a version's model card
:func:`load`                  a version's estimator, after checking that its files are safe
:func:`reference`             what drift is measured against; :func:`summarize` makes another one
:func:`list_versions`         all versions; :func:`get_version` one of them
:func:`ledger`                who moved which alias, when and why
============================  ====================================================================
"""

from __future__ import annotations

from workbench.registry.aliases import LedgerEntry, current, ledger
from workbench.registry.approvals import approve
from workbench.registry.card.writing import write_card
from workbench.registry.cases import inputs, record_cases
from workbench.registry.deltas.measuring import delta
from workbench.registry.gates.candidate import judge
from workbench.registry.gates.judging import validate
from workbench.registry.gates.regression import propose_cases
from workbench.registry.gates.validation import Gate, Validation
from workbench.registry.loading import Answers, answers, evidence, helper_changes, load, recorded_cases
from workbench.registry.promotion import promote, retire, rollback
from workbench.registry.reference import reference, summarize
from workbench.registry.versions import (
    ModelVersion,
    champion,
    champion_for,
    get_version,
    list_versions,
    register,
)
from workbench.tracking.models import outputs, positive_scores, scores_of

__all__ = [
    "Answers",
    "Gate",
    "LedgerEntry",
    "ModelVersion",
    "Validation",
    "answers",
    "approve",
    "champion",
    "champion_for",
    "current",
    "delta",
    "evidence",
    "get_version",
    "helper_changes",
    "inputs",
    "judge",
    "ledger",
    "list_versions",
    "load",
    "outputs",
    "positive_scores",
    "promote",
    "propose_cases",
    "record_cases",
    "recorded_cases",
    "reference",
    "register",
    "retire",
    "rollback",
    "scores_of",
    "summarize",
    "validate",
    "write_card",
]
