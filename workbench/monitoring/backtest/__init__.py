"""Policy backtests: what a retraining policy would have done to the project, had it been in force.

==========================  =========================================================================
:func:`run`                 try policies on the project's history
:func:`find`                policies by name: built in, or the project's own
:func:`read_file`           policies from a file
:func:`parse_variation`     a setting and its values, from the command line
:func:`vary`                policies with each combination of some settings
:class:`Backtest`           what came of it, policy by policy
:func:`recommend`           which of them it would choose, how sure that is, and whether it held
:func:`answer`              the same in words
:func:`ranked`              policies side by side, the best first
:func:`publish`             a page of all that, and everything as JSON and as a table
==========================  =========================================================================

Its charts are in :mod:`~workbench.monitoring.backtest.figures`.
"""

from __future__ import annotations

from workbench.monitoring.backtest.choosing import Choice, choose, recommend
from workbench.monitoring.backtest.outcome import Backtest, Day, Event, PolicyOutcome, Span
from workbench.monitoring.backtest.page import answer, publish, ranked
from workbench.monitoring.backtest.policies import USUAL, Policy, find, parse_variation, read_file, vary
from workbench.monitoring.backtest.running import Progress, run

__all__ = [
    "USUAL",
    "Backtest",
    "Choice",
    "Day",
    "Event",
    "Policy",
    "PolicyOutcome",
    "Progress",
    "Span",
    "answer",
    "choose",
    "find",
    "parse_variation",
    "publish",
    "ranked",
    "read_file",
    "recommend",
    "run",
    "vary",
]
