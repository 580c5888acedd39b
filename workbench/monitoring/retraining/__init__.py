"""Retraining: a policy decides, and a challenger is trained, compared, shadowed, promoted or refused.

======================  =====================================================================
:func:`decide`          whether the policy calls for a challenger, and why
:func:`decide_within`   the same inside a notebook that does it by itself, alone and as things stand
:func:`explain`         the decision and what became of it, in one paragraph
:func:`retrain`         apply the policy, and go on with what is under way
:func:`retrainings`     what became of all that were ever begun
======================  =====================================================================
"""

from __future__ import annotations

from workbench.monitoring.retraining.calling import decide_within
from workbench.monitoring.retraining.deciding import Decision, Situation, decide
from workbench.monitoring.retraining.explaining import explain
from workbench.monitoring.retraining.policy import Retrained, retrain, retrainings
from workbench.monitoring.retraining.record import Retraining
from workbench.monitoring.retraining.shadowing import Shadowed, judge_shadow

__all__ = [
    "Decision",
    "Retrained",
    "Retraining",
    "Shadowed",
    "Situation",
    "decide",
    "decide_within",
    "explain",
    "judge_shadow",
    "retrain",
    "retrainings",
]
