"""Reports are reviewed: remarks, of which some ask for something, and people who sign them off.

A sign-off is bound to what the report is, a hash over its manifest and its executed notebook: when one of
them changes, it has lapsed. What was said and signed stands on the report's own page, too.
"""

from __future__ import annotations

from workbench.registry.reviews.looking import (
    ReportRemark,
    ReportReview,
    ReportSignOff,
    Summary,
    identity,
    look,
    summaries,
)
from workbench.registry.reviews.page import show_item, write_pages
from workbench.registry.reviews.writing import remark, sign_off

__all__ = [
    "ReportRemark",
    "ReportReview",
    "ReportSignOff",
    "Summary",
    "identity",
    "look",
    "remark",
    "show_item",
    "sign_off",
    "summaries",
    "write_pages",
]
