"""Charts of a policy backtest. They draw what happened and what was chosen, and decide nothing.

=========================  =========================================================================
:func:`worth_over_time`    what each policy was worth beyond the plain one, day by day: the main chart
:func:`gains`              the same in all, with intervals: where it was chosen and where it was checked
:func:`quality_over_time`  the metric of each policy by window, with its interval and its promotions
:func:`events_over_time`   what each policy did, and which alerts mattered
:func:`frontier`           what each policy was worth against how often it retrained
=========================  =========================================================================

Each has a ``narrow`` form for phones.
"""

from __future__ import annotations

from workbench.monitoring.backtest.figures.comparing import frontier, gains
from workbench.monitoring.backtest.figures.events import events_over_time
from workbench.monitoring.backtest.figures.quality import quality_over_time
from workbench.monitoring.backtest.figures.worth import worth_over_time

__all__ = ["events_over_time", "frontier", "gains", "quality_over_time", "worth_over_time"]
