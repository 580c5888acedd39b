"""What is told of an alert: as data for a webhook, and in words for people."""

from __future__ import annotations

from typing import Any, Literal

from workbench.monitoring.alerts.records import Alert

__all__ = ["Told", "compose"]

Told = Literal["raised", "cleared", "reopened"]

_SHOWN = 6  # windows in words; the data has more
_ENDED = {
    "recovered": "a later window is fine again",
    "corrected": "as is known now, it never was",
    "retired": "the version, or the rule, is no longer in use",
}


def compose(event: Told, alert: Alert, project: str) -> dict[str, Any]:
    """A message: ``title`` (one line), ``text`` (several) and all that is known of the alert."""
    happened = f"{event}, and over since" if alert.cleared and event != "cleared" else event
    title = f"[{project}] {alert.severity} {happened}: {alert.rule}, {alert.subject}, {alert.signal}"
    lines = [f"{alert.evidence['rule']}: {alert.first_window} to {alert.last_window} (log {alert.log})"]
    if alert.cleared:
        lines.append(f"{alert.cleared}: {_ENDED[alert.cleared]}")
    for each in alert.evidence["windows"][-_SHOWN:]:
        value = "no figure" if each["value"] is None else f"{each['value']:.4g}"
        lines.append(f"  {each['window']}: {value}, {each['verdict']}. {each['says']}".rstrip())
    if alert.owner:
        lines.append(f"owner: {alert.owner}")
    lines.append("next: workbench monitor, workbench backlog")
    return {
        "event": event,
        "project": project,
        "title": " ".join(title.split()),
        "text": "\n".join(lines),
        "alert": alert.to_dict(),
    }
