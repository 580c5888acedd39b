"""The command ``workbench``: done by a process that has imported everything already, where there is one.

What a person types starts here, in as little as Python allows: ask the agent for a process, hand it our
terminal, and pass its signals and its exit status on. Where no agent runs, the command (in
:mod:`workbench.cli.commands`) is imported and run right here: slower, and otherwise the same.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

#: These will run notebooks, so that an agent is worth starting while they import what they need.
_STARTERS = ("run",)
#: These are about the agent itself; without a command there is nothing to import.
_ALONE = ("agent", "doctor", "")


def main() -> None:
    """Entry point of the command ``workbench``."""
    first = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    if sys.platform == "linux" and os.environ.get("WORKBENCH_AGENT") != "0" and first not in _ALONE:
        from workbench.cli import forward

        forward.through_agent(start=first in _STARTERS)
    from workbench.cli import commands

    commands.main()
