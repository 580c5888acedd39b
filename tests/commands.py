"""Commands that stand in texts and workflows: whether they are there, with their options."""

from __future__ import annotations

import shlex

import click

from workbench.cli.commands import _group

__all__ = ["parse"]


def parse(line: str) -> None:
    """Hold a command line of ours against what the command takes; nothing is called.

    Raises
    ------
    click.UsageError
        There is no such command or option, or an argument is missing or none that it takes.
    """
    program, *words = shlex.split(line, comments=True)
    assert program == "workbench", line
    command: click.Command = _group
    name = program
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found = words[0], command.get_command(click.Context(command), words[0])
        if found is None:
            raise click.UsageError(f"no command {name!r} in {line!r}")
        command, words = found, words[1:]
    command.make_context(name, list(words))
