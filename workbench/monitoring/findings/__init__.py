"""What the monitor found, and what all parts of it are made of.

=================================================  ==================================================
:mod:`~workbench.monitoring.findings.windows`      time cut into windows by the calendar
:mod:`~workbench.monitoring.findings.signal`       a figure with its verdict, which rules look at
:mod:`~workbench.monitoring.findings.finding`      what one window showed, version by version
:mod:`~workbench.monitoring.findings.documents`    dataclasses as JSON, and back
:mod:`~workbench.monitoring.findings.record`       findings in the workbench database
:mod:`~workbench.monitoring.findings.pruning`      older revisions go after a while
:mod:`~workbench.monitoring.findings.frame`        findings as a table
:mod:`~workbench.monitoring.findings.heat`         drift by feature and window
=================================================  ==================================================

Nothing is imported here: the parts of a finding (drift, skew, …) are made of its signals.
"""
