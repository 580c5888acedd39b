"""What starts the scheduler with the machine. When things run stays in ``workbench.toml``."""

from __future__ import annotations

import shlex
import sys

from workbench.project import Project

__all__ = ["line", "unit"]

_UNIT = """\
[Unit]
Description=Schedules of {name}

[Service]
WorkingDirectory={root}
ExecStart={python} -m workbench schedule run
Restart=on-failure
# What runs is waited for; only the scheduler itself is told to end.
KillMode=mixed
TimeoutStopSec=1h

[Install]
WantedBy=default.target"""


def line(project: Project) -> str:
    """For ``crontab``: started at boot; cron reads ``%`` as the end of a line."""
    log = project.state / "scheduler.log"
    root, python, end = (shlex.quote(str(part)) for part in (project.root, sys.executable, log))
    return f"@reboot cd {root} && {python} -m workbench schedule run >>{end} 2>&1".replace("%", r"\%")


def unit(project: Project) -> str:
    """For systemd, which reads ``%`` as the start of a specifier."""
    root, python = (str(part).replace("%", "%%") for part in (project.root, sys.executable))
    quoted = '"' + python.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _UNIT.format(name=project.name, root=root, python=quoted)
