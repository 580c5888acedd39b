"""People judge a sample of live predictions: drawn, judged blindly, counted with what that may say of all."""

from __future__ import annotations

from workbench.monitoring.judged.drawing import Answer, Draw, Sample, draw
from workbench.monitoring.judged.figures import Figures, Share, figures
from workbench.monitoring.judged.judging import judge, judged, put_on_backlog

__all__ = [
    "Answer",
    "Draw",
    "Figures",
    "Sample",
    "Share",
    "draw",
    "figures",
    "judge",
    "judged",
    "put_on_backlog",
]
