"""Metrics and roles in words."""

from __future__ import annotations

from datetime import datetime

from workbench.project import Project

__all__ = ["METRIC_WORDS", "day", "metric_in_words", "span"]

METRIC_WORDS = {
    "roc_auc": "how often a positive row is ranked above a negative one; 0.5 is chance",
    "average_precision": "precision averaged over the recall that each score adds",
    "calibration_error": "how far predicted and observed shares lie apart on average; smaller is better",
    "log_loss": "what surprise at the outcomes costs; smaller is better",
    "brier": "mean squared distance of score and outcome; smaller is better",
    "accuracy": "share of rows that are flagged rightly or left alone rightly",
    "precision": "of the rows it flags, the share that turns out positive",
    "recall": "of the rows that turn out positive, the share it flags",
    "f1": "harmonic mean of precision and recall",
    "false_positive_rate": "of the rows that turn out negative, the share it flags; smaller is better",
    "positive_share": "share of rows that turn out positive",
    "flagged_share": "share of rows it flags",
}


def metric_in_words(project: Project, name: str) -> str:
    """What the project says of its primary metric, else what is generally said of that one."""
    objective = project.config.objective
    if objective is not None and objective.primary_metric == name and objective.metric_in_words:
        return objective.metric_in_words
    return METRIC_WORDS.get(name, "")


def day(moment: datetime | None) -> str:
    """A date as people write it."""
    return f"{moment.day} {moment:%B %Y}" if moment is not None else "an unknown day"


def span(start: datetime | None, end: datetime | None) -> str:
    """From the first day to the last."""
    return f"{day(start)} to {day(end)}" if start and end else "an unknown period"
