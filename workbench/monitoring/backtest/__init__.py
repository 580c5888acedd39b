"""Policy backtests: what a retraining policy would have done to the project, had it been in force.

==========================  =========================================================================
:func:`run`                 try policies on the project's history
:func:`find`                policies by name: built in, or the project's own
:func:`read_file`           policies from a file
:func:`parse_variation`     a setting and its values, from the command line
:func:`vary`                policies with each combination of some settings
:class:`Backtest`           what came of it, policy by policy
==========================  =========================================================================
"""

from __future__ import annotations

from workbench.monitoring.backtest.outcome import Backtest, Day, Event, PolicyOutcome, Span
from workbench.monitoring.backtest.policies import USUAL, Policy, find, parse_variation, read_file, vary
from workbench.monitoring.backtest.running import Progress, run

__all__ = [
    "USUAL",
    "Backtest",
    "Day",
    "Event",
    "Policy",
    "PolicyOutcome",
    "Progress",
    "Span",
    "find",
    "parse_variation",
    "read_file",
    "run",
    "vary",
]
