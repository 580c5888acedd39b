"""The command line: one module per command group, imported when its command is called.

Exit status: 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from workbench.errors import WorkbenchError
from workbench.locate import STATE_NAME, find_root, starting_folder

__all__ = ["main"]

# Command -> the module below this package that holds it, and its line in --help: so that showing
# help imports no command, and a command imports only itself.
_COMMANDS = {
    "init": ("init", "Make a project in a new folder."),
    "adopt": ("adopt", "Propose a workbench.toml for notebooks that exist already."),
    "run": ("run", "Run phases, or all of them, and keep a report of each."),
    "rerun": ("rerun", "Repeat a run from its record, and compare what comes out."),
    "sweep": ("sweep", "Run a notebook for each of many values of its parameters, side by side."),
    "tune": ("sweep", "Search for the best parameters of a notebook, side by side."),
    "status": ("status", "Show the newest report of each phase, and the served version."),
    "runs": ("status", "List runs, newest first."),
    "diff": ("diff", "Show in what two runs differ."),
    "prune": ("prune", "Remove old reports, runs and drafts; what models and the ledger need stays."),
    "models": ("models", "List the versions of the registered model; show one, or two against each other."),
    "promote": ("promote", "Make a version the champion, the challenger or a shadow."),
    "approve": ("approve", "See what differs from the champion's notebook, and approve a version."),
    "rollback": ("promote", "Put the champion before back in front."),
    "retire": ("promote", "Take a canary, challenger or shadow out of the line-up."),
    "ledger": ("promote", "Show who moved which alias, when and why."),
    "serve": ("serve", "Serve the champion over HTTP on this machine."),
    "predict": ("predict", "Score a file with the champion, without a server."),
    "truth": ("truth", "Record what turned out to be true, from a file."),
    "feedback": ("truth", "Show what users think of the answers."),
    "monitor": ("monitor", "Look for drift, falling performance, skew and failures; raise alerts."),
    "retrain": ("retrain", "Let the policy decide whether to retrain, and go on with what is under way."),
    "backtest": ("backtest", "Try retraining policies on last year: what would they have done?"),
    "trial": ("trial", "Measure what a new source of information would add."),
    "schedule": ("schedule", "Run phases, notebooks and commands when workbench.toml says so."),
    "review": ("review", "Show remarks on a report and sign-offs, and add to them; or what people judged."),
    "label": ("label", "Ask people for labels: blindly, twice where asked for, with a record of it all."),
    "backlog": ("backlog", "Show what somebody has to look at: alerts, gates that did not pass, remarks."),
    "site": ("site", "Write the index page of all reports, the model cards and the runbook."),
    "check": ("check", "Check the project: notebooks, sources, code; or list the practices."),
    "agent": ("agent", "Look at the process that makes notebooks start at once; stop it."),
    "doctor": ("doctor", "Say how notebooks start on this machine, and what is missing."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"workbench.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from workbench.errors import UnknownName

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(str(UnknownName("command", args[0], _COMMANDS)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Examples:  workbench run    workbench run train -p learning_rate=0.05    workbench status",
)
@click.version_option(package_name="mlops-workbench", message="workbench %(version)s")
def _group() -> None:
    """Run notebooks as versioned reports; gate, register, serve, watch and retrain what they make."""
    if "WORKBENCH_CLOCK" in os.environ:
        _tell_time()


def _tell_time() -> None:
    """Say that time is not what a person expects; a clock that tells none ends the command here."""
    from workbench.store.clock import SETTING, project_clock

    click.secho(f"{SETTING}: it is {project_clock().now():%Y-%m-%d %H:%M:%S} UTC", fg="yellow", err=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command ``workbench``."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        # click hands an exit status back instead of raising it when it is not standalone.
        status = _group.main(arguments, prog_name="workbench", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except WorkbenchError as error:
        _fail(error)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.secho("workbench: interrupted", fg="red", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output (such as head) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from workbench.store import trouble

        state = (find_root(starting_folder()) or Path()) / STATE_NAME
        known = trouble.in_words(error, state) or trouble.of_database(error)
        if known is None:
            raise
        _fail(known)


def _fail(error: WorkbenchError) -> NoReturn:
    click.secho(f"workbench: {error.message}", fg="red", err=True)
    if error.details:
        click.echo(error.details, err=True)
    sys.exit(error.exit_code)
