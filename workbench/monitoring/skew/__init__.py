"""Training-serving skew: what the server computed of raw rows, and what the training path makes of them.

Logged raw rows are sent through the project's ``build`` as of the moments at which they were asked, with the
memory datasets of today. Where the two differ, the rows are built once more with the memory datasets that the
server had then. If that gives what was served, the code is the same and data arrived later: training learns
from what serving could not know. If it does not, the code differs.
"""

from __future__ import annotations

from workbench.monitoring.skew.measuring import measure_skew
from workbench.monitoring.skew.result import FeatureSkew, SkewResult, SkewVerdict
from workbench.monitoring.skew.sampling import LoggedSample, sample_logged
from workbench.monitoring.skew.training import TrainingPath

__all__ = [
    "FeatureSkew",
    "LoggedSample",
    "SkewResult",
    "SkewVerdict",
    "TrainingPath",
    "measure_skew",
    "sample_logged",
]
