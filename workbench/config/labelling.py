"""``[labelling]``: how people are asked for labels."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from workbench.config.fields import Duration, Section

__all__ = ["LabellingConfig"]


class LabellingConfig(Section):
    """Queues of labels.

    ``lease`` is for how long a row is kept for who is looking at it, and ``double_rate`` the share of rows
    that two people label, unless a queue says otherwise. ``hide`` are columns that annotators never see, such
    as what became known later; ``show_personal`` those of ``[serving] personal`` that they may see.
    """

    lease: Duration = timedelta(minutes=10)
    double_rate: float = Field(default=0.1, ge=0, le=1)
    hide: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    show_personal: tuple[Annotated[str, Field(min_length=1)], ...] = ()
