"""``workbench adopt``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.execution.notebook import adopt as adopting
from workbench.locate import CONFIG_NAME


@click.command(epilog="Example:  cd analysis && workbench adopt && workbench adopt --write && workbench run")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("."))
@click.option("--write", is_flag=True, help=f"Write it as FOLDER/{CONFIG_NAME}, unless there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print the proposal as one JSON object.")
def adopt(folder: Path, write: bool, as_json: bool) -> None:
    """Propose a workbench.toml for the notebooks below FOLDER (default: here).

    Their code is read, never executed: where one writes a file that another reads, the other needs it.
    """
    proposal = adopting.propose(folder)
    written = adopting.write(proposal) if write else None
    if as_json:
        from workbench.cli.output import print_json

        print_json(_facts(proposal, written))
        return
    if written is None:
        click.echo(proposal.toml, nl=False)
    _say_what_is_unsure(proposal)
    count = len(proposal.phases)
    phases = f"{count} phase{'s' if count > 1 else ''}"
    if written:
        click.echo(f"wrote {written} with {phases}; read it through", err=True)
        click.echo("next: workbench run", err=True)
    else:
        click.echo(f"\n{phases} proposed; nothing was written", err=True)
        click.echo(f"next: workbench adopt {'' if folder == Path('.') else f'{folder} '}--write", err=True)


def _say_what_is_unsure(proposal: adopting.Proposal) -> None:
    unsure = {phase.notebook: phase.notes for phase in proposal.phases if phase.notes}
    if unsure:
        click.echo(
            "\ncould not be told from the code; look at these, and add needs, reads and writes:", err=True
        )
    for notebook, notes in unsure.items():
        click.echo(f"  {notebook}", err=True)
        for note in notes:
            click.echo(f"    {note}", err=True)
    if proposal.passed_over:
        click.echo("\nleft out:", err=True)
    for notebook, why in proposal.passed_over.items():
        click.echo(f"  {notebook}: {why}", err=True)


def _facts(proposal: adopting.Proposal, written: Path | None) -> dict[str, object]:
    return {
        "project": proposal.name,
        "toml": proposal.toml,
        "written": str(written) if written else None,
        "phases": [
            {
                "phase": phase.name,
                "notebook": phase.notebook,
                "needs": phase.needs,
                "reads": phase.reads,
                "writes": phase.writes,
                "needs_left_out": phase.left_out or {},
                "notes": phase.notes,
            }
            for phase in proposal.phases
        ],
        "passed_over": dict(proposal.passed_over),
    }
