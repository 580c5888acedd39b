"""The flights project on the eve of the fortnight: a champion, and windows of a week."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from workbench.project import Project, open_project
from workbench.store.clock import SETTING, SetClock

__all__ = ["END", "START", "Place", "make"]

_ZONE = ZoneInfo("America/New_York")
#: From a Thursday to a Thursday: two Mondays, on which a week's window is over.
START = datetime(2013, 11, 21, tzinfo=_ZONE)
END = START + timedelta(days=14)
_EVE = START - timedelta(days=2)

# What this project wants otherwise than the template: what stands there, and what takes its place.
_OVERLAY = {
    r"minimum_primary = 0\.65 ": "minimum_primary = 0.60 ",
    r"minimum_effect = 0\.0 .*": "minimum_effect = -0.02         # as good as the champion, on newer data",
    r"\[gates\.utility\](?s:.*?)\n\n": "",
    r'window = "month"': 'window = "week"',
    r"performance_drop = 0\.05 ": "performance_drop = 0.15 ",
    r"windows_in_a_row = 2": 'windows_in_a_row = 1\nshadow_for = "7d"\ncooldown = "30d"',
    r'phases = \["gather", "prepare"\].*': 'phases = ["gather"]\nforce = true',
}


@dataclass(frozen=True)
class Place:
    """A folder with the project, and the clock that all of its processes go by."""

    root: Path
    clock: SetClock

    @property
    def project(self) -> Project:
        return open_project(self.root)

    @property
    def environment(self) -> dict[str, str]:
        """For whatever works in it."""
        ours = {name: value for name, value in os.environ.items() if name != "WORKBENCH_PROJECT"}
        return {**ours, SETTING: str(self.clock.path)}

    def command(self, *arguments: str) -> str:
        """What a command of ours prints; it has to succeed."""
        command = [sys.executable, "-m", "workbench", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"workbench {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}")
        return done.stdout


def make(folder: Path) -> Place:
    """The project in ``folder``, with a champion of summer."""
    place = Place(folder / "flights", SetClock(folder / "clock"))
    place.clock.set(_EVE)
    command = [sys.executable, "-m", "workbench", "init", str(place.root), "--template", "flights"]
    subprocess.run(command, check=True, capture_output=True)
    config = place.root / "workbench.toml"
    text = config.read_text()
    for there, instead in _OVERLAY.items():
        text, found = re.subn(there, instead, text)
        assert found == 1, there
    config.write_text(text)
    place.command("run", "gather", "prepare", "train", "validate", "-p", "as_of=2013-07-01")
    place.command("promote", "1", "--reason", "the first version to pass its gates")
    return place
