"""``workbench agent``: the process that kernels and commands are forked from."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from workbench.errors import AgentUnavailable, WorkbenchError
from workbench.execution.agent import client
from workbench.execution.agent.identity import Identity, NoPlace, identify

_KINDS = {
    "wb-agent": "agent",
    "wb-keeper": "keeper",
    "wb-kernel": "kernel",
    "wb-server": "server",
    "workbench": "command",
}
_MIB = 1024 * 1024


@click.group(
    epilog="Examples:  workbench agent status    workbench agent memory    workbench agent stop    "
    "WORKBENCH_AGENT=0 workbench run"
)
def agent() -> None:
    """Look at the agent, the process that has imported everything and from which kernels are forked.

    It starts on first use and goes when nobody has used it for half an hour. There is one for each user,
    environment, preload list and set of variables that libraries read when they are imported. With
    WORKBENCH_AGENT=0 everything works without it, slower.
    """


@agent.command(epilog="Examples:  workbench agent status    workbench agent status --json")
@click.option("--json", "as_json", is_flag=True, help="Print as a JSON array.")
def status(as_json: bool) -> None:
    """Show the agents that run, and whether the one for this folder is up to date."""
    here = _here()
    facts = _running(here)
    if as_json:
        from workbench.cli.output import print_json

        print_json([item | {"here": item["socket"] == str(here.socket)} for item in facts])
        return
    why = client.why_not(os.environ)
    if why:
        click.echo(f"no agent is used: {why}; kernels start as usual")
    for item in facts:
        _tell(item, here)
    if not any(item["socket"] == str(here.socket) for item in facts) and not why:
        click.echo("no agent runs for this folder; the next run starts one (workbench agent start does, too)")


def _tell(facts: dict[str, Any], here: Identity) -> None:
    from workbench.cli.output import age

    since = age(datetime.fromtimestamp(facts["started"], UTC), datetime.now(UTC))
    mine = facts["socket"] == str(here.socket)
    state = "another folder or settings" if not mine else "this folder"
    if mine and facts["stamp"] != here.stamp:
        state += ", out of date: the next use replaces it"
    imports = facts["imports"]
    seconds = sum(item["seconds"] for item in imports)
    click.echo(f"agent {facts['pid']}  started {since}, {facts['forked']} forked, for {state}")
    click.echo(f"  environment  {facts.get('prefix', 'of an older version')}")
    click.echo(f"  imported     {len(imports)} modules in {seconds:.1f} s")
    for item in imports:
        if item["problem"]:
            click.secho(f"  left out     {item['module']}: {item['problem']}", fg="yellow")
    click.echo(f"  goes         after {facts['idle_seconds'] / 60:.0f} min in which nothing below it runs")


@agent.command(epilog="Example:  workbench agent start")
def start() -> None:
    """Start the agent for this folder, so that the first notebook need not wait for it."""
    if why := client.why_not(os.environ):
        raise AgentUnavailable(f"no agent can be started: {why}")
    here = _here()
    client.start_agent(here)
    click.echo("the agent is importing libraries …", err=True)
    facts = client.ask(here.socket, "status", seconds=client.IMPORT_SECONDS)
    if facts is None:
        raise AgentUnavailable("the agent has ended; workbench agent logs says why")
    _tell(facts | {"socket": str(here.socket)}, here)


@agent.command(epilog="Examples:  workbench agent stop    workbench agent stop --all")
@click.option("--all", "everyone", is_flag=True, help="All agents of yours, not only this folder's.")
def stop(everyone: bool) -> None:
    """Stop the agent. What was forked from it goes on; the next use starts a new one."""
    here = _here()
    places = client.running(here.folder) if everyone else [here.socket]
    stopped = [facts["pid"] for place in places if (facts := client.ask(place, "stop")) is not None]
    for pid in stopped:
        click.echo(f"stopped agent {pid}")
    if not stopped:
        click.echo("no agent runs")


@agent.command(epilog="Example:  workbench agent logs")
def logs() -> None:
    """Print what the agent for this folder has said: what it imported, how long each took."""
    path = _here().log
    if not path.exists():
        raise AgentUnavailable("no agent has run here yet; start one: workbench agent start")
    click.echo(path.read_text(encoding="utf-8", errors="replace"), nl=False)


@dataclass(frozen=True)
class _Process:
    """One process below an agent; ``mib`` counts memory that several share by its share of it."""

    pid: int
    kind: str
    folder: str
    started: datetime
    mib: float


@agent.command(epilog="Examples:  workbench agent memory    workbench agent memory --json")
@click.option("--json", "as_json", is_flag=True, help="Print as a JSON array.")
def memory(as_json: bool) -> None:
    """Show what agents and the processes below them hold in memory; shared pages are divided up."""
    found = [process for facts in _running(_here()) for process in _below(facts["pid"])]
    from workbench.cli.output import age, print_json, print_table

    if as_json:
        print_json([asdict(process) for process in found])
        return
    now = datetime.now(UTC)
    print_table(
        ("process", "pid", "started", "MiB", "folder"),
        ((item.kind, item.pid, age(item.started, now), f"{item.mib:.0f}", item.folder) for item in found),
    )
    click.echo(f"{len(found)} processes, {sum(item.mib for item in found):.0f} MiB in all")


def _below(pid: int) -> list[_Process]:
    import psutil

    found = []
    try:
        top = psutil.Process(pid)
        for process in [top, *top.children(recursive=True)]:
            with process.oneshot():
                found.append(
                    _Process(
                        pid=process.pid,
                        kind=_KINDS.get(process.name(), process.name()),
                        folder=process.cwd(),
                        started=datetime.fromtimestamp(process.create_time(), UTC),
                        mib=process.memory_full_info().pss / _MIB,
                    )
                )
    except psutil.NoSuchProcess:
        pass
    return found


def _here() -> Identity:
    try:
        return identify(os.environ, Path.cwd())
    except NoPlace as error:
        raise WorkbenchError(f"no agent can run here: {error}") from error


def _running(here: Identity) -> list[dict[str, Any]]:
    asked = ((place, client.ask(place, "status")) for place in client.running(here.folder))
    return [facts | {"socket": str(place)} for place, facts in asked if facts is not None]
