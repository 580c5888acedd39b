"""A policy backtest as a page: the answer first, then the charts, then every figure for who wants it.

:func:`publish` writes it with everything beside it; :func:`backtest_page` gives it in parts, :func:`answer`
the answer alone, and :func:`ranked` the table of policies.
"""

from __future__ import annotations

from workbench.monitoring.backtest.page.answer import answer
from workbench.monitoring.backtest.page.composing import backtest_page, render
from workbench.monitoring.backtest.page.publishing import publish
from workbench.monitoring.backtest.page.tables import ranked

__all__ = ["answer", "backtest_page", "publish", "ranked", "render"]
