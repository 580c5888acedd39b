"""Alerts: rules over windows, with evidence, each episode told once.

===========================  ==========================================================================
:func:`evaluate`             apply the rules to all windows, in a transaction of the workbench database
:func:`deliver`              send what is to be told to webhooks and mailboxes
:func:`settle_unserved`      one without a window: a champion that the live server does not put in front
:func:`read`                 the alerts of a log
:func:`hold`                 let nobody else evaluate a log until the transaction ends
===========================  ==========================================================================
"""

from __future__ import annotations

from workbench.monitoring.alerts.evaluating import Evaluation, evaluate
from workbench.monitoring.alerts.outbox import Delivery, Failure, deliver
from workbench.monitoring.alerts.records import Alert, hold, read
from workbench.monitoring.alerts.rules import WindowSignals
from workbench.monitoring.alerts.unserved import settle_unserved

__all__ = [
    "Alert",
    "Delivery",
    "Evaluation",
    "Failure",
    "WindowSignals",
    "deliver",
    "evaluate",
    "hold",
    "read",
    "settle_unserved",
]
