"""``workbench doctor``."""

from __future__ import annotations

from dataclasses import asdict

import click


@click.command(epilog="Examples:  workbench doctor    workbench doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print as a JSON array.")
def doctor(as_json: bool) -> None:
    """Say how notebooks start on this machine (warm or not, and why), and what is missing.

    Warm kernels are forked, which was tested on Linux with Python 3.11. On macOS and Windows forking a
    process that has loaded libraries is not safe: there the ordinary kernel is used, and the agent is not.
    """
    from workbench.check.machine import check_machine
    from workbench.cli.check import print_results
    from workbench.cli.output import print_json

    results = check_machine()
    if as_json:
        print_json([asdict(item) for item in results])
    else:
        print_results(results)
    if any(item.status == "failed" for item in results):
        raise click.exceptions.Exit(1)
