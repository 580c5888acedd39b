"""The baking period after a promotion: guards are held against what the new champion answers.

When one is violated, the champion before comes back, after it has loaded and answered its recorded cases; the
ledger says why, and a running server follows. It does not matter who looks, how often, or who is killed
meanwhile: a promotion is taken back once at most, and nobody's later one is.

======================  ==========================================================================
:func:`bake`            look once: measure, judge, roll back
:func:`find`            the newest baking period as it is recorded; its text is for ``status``
:class:`Baking`         one of them: status, and the evidence
:class:`Evaluator`      looks all the time; :mod:`workbench.cli.baking_watch` has one in a process
======================  ==========================================================================
"""

from __future__ import annotations

from workbench.monitoring.baking.evaluating import Evaluator, bake
from workbench.monitoring.baking.record import Baking, find

__all__ = ["Baking", "Evaluator", "bake", "find"]
