"""``[retraining]``: the retraining policy."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from workbench.config.fields import NAME, Duration, Section

__all__ = ["RetrainingConfig", "Trigger"]

Trigger = Literal["schedule", "new_data", "data_drift", "performance"]


class RetrainingConfig(Section):
    """The retraining policy: what starts it, on which data, and what may follow.

    The challenger learns from the ``training_days`` before its cut-off (``window = "sliding"``) or from all
    that came before it (``"expanding"``), and is judged on the ``holdout_days`` after it, which end now.
    Nothing is trained before ``minimum_labels`` came in since the last training, nor within ``cooldown`` of
    the last retraining. Those of the ``phases`` that declare parameters ``as_of`` (the cut-off),
    ``train_from`` or ``known_until`` (today) are given them, and whatever stands in ``parameters``.

    ``action`` is what may follow passed gates: ``propose`` asks a person, ``shadow`` lets the challenger
    answer beside the champion and then asks, ``promote`` asks nobody. It shadows until ``shadow_for`` is over
    and ``shadow_labels`` are known, as far as they are declared.
    """

    trigger: tuple[Trigger, ...] = ("data_drift", "performance")
    windows_in_a_row: int = Field(default=1, ge=1)
    window: Literal["sliding", "expanding"] = "sliding"
    training_days: int = Field(default=180, ge=1)
    holdout_days: int = Field(default=30, ge=1)
    minimum_labels: int = Field(default=0, ge=0)
    cooldown: Duration | None = None
    action: Literal["propose", "shadow", "promote"] = "promote"
    shadow_for: Duration | None = None
    shadow_labels: int | None = Field(default=None, ge=1)
    phases: tuple[Annotated[str, Field(pattern=NAME)], ...] = Field(
        default=("prepare", "train", "validate"), min_length=1
    )
    parameters: dict[str, Any] = Field(default_factory=dict)

    @property
    def shadows(self) -> bool:
        """Whether the challenger answers beside the champion before anything is decided."""
        return self.shadow_for is not None or self.shadow_labels is not None

    @model_validator(mode="after")
    def _holds(self) -> RetrainingConfig:
        if self.action == "shadow" and not self.shadows:
            raise ValueError('action "shadow" needs shadow_for ("3d") or shadow_labels: when is it over?')
        if self.action == "propose" and self.shadows:
            raise ValueError('action "propose" does not shadow; "shadow" does, and then proposes')
        if self.window == "expanding" and "training_days" in self.model_fields_set:
            raise ValueError('an "expanding" window has no training_days: it begins with the first row')
        return self
