"""What a table holds, in memory that does not grow with its rows.

A reference is summarised once (:func:`summarize`). A window is counted against it (:class:`Counting`), batch
by batch, into the same bins and categories, so that the two can be compared without either's rows:

- a **number** is counted at *points* (values of the reference) and in the *open intervals* between them, with
  the sum of each interval. Of a reference with few values all of them are points, and everything is exact;
- a **category** is counted by value: those of the reference, and apart from them the new ones;
- a **time** is counted as a number of seconds;
- a column of which every value is missing is **missing**.

Flags are the numbers 0 and 1, as the prediction log has them. Summaries of parts that were counted against
one reference add up with ``+``.
"""

from __future__ import annotations

from workbench.data.summary.categories import CategorySummary
from workbench.data.summary.column import ColumnSummary, EmptySummary
from workbench.data.summary.counting import Counting
from workbench.data.summary.numbers import NumberSummary
from workbench.data.summary.summary import PREDICTION, Summary, summarize

__all__ = [
    "PREDICTION",
    "CategorySummary",
    "ColumnSummary",
    "Counting",
    "EmptySummary",
    "NumberSummary",
    "Summary",
    "summarize",
]
