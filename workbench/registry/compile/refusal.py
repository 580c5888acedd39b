"""Why an estimator is not compiled."""

from __future__ import annotations

__all__ = ["NotCompiled"]


class NotCompiled(Exception):
    """An estimator takes the plain path; the message is one line: which step, and why."""
