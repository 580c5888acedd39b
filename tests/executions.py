"""Executions of notebooks that tests make out of cells, and what was told of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.projects import write_notebook
from workbench.execution.executor.execute import Executed, Execution, Limits

__all__ = ["PLAIN", "Heard", "execute", "install_plain_kernel", "prepare", "printed"]

#: The kernelspec of an ordinary IPython kernel that the workbench takes as it is.
PLAIN = "plain"


@dataclass
class Heard:
    """A listener that remembers."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    text: str = ""

    def cell_started(self, cell: int, cells: int) -> None:
        self.events.append(("started", cell, cells))

    def cell_ended(self, cell: int, seconds: float) -> None:
        self.events.append(("ended", cell))

    def output(self, cell: int, text: str) -> None:
        self.text += text


def prepare(
    folder: Path,
    cells: Sequence[str],
    *,
    declared: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    kernel: str = "python3",
    listener: Any = None,
    **limits: Any,
) -> Execution:
    """An execution of a title (cell 1), the parameters cell if there is one, and these cells."""
    folder.mkdir(parents=True, exist_ok=True)
    write_notebook(folder / "notebook.ipynb", list(cells), declared, kernel=kernel)
    (folder / "out").mkdir(exist_ok=True)
    # Where tests run, ipykernel looks neither at what child processes print nor at its own crashes.
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return Execution(
        folder / "notebook.ipynb",
        folder=folder / "out",
        parameters=parameters or {},
        environment={**surroundings, **(environment or {})},
        limits=Limits(**limits),
        listener=listener or Heard(),
    )


def execute(folder: Path, cells: Sequence[str], **options: Any) -> Executed:
    return prepare(folder, cells, **options).run()


def printed(executed: Executed) -> str:
    """Everything that was printed."""
    outputs = (output for cell in executed.notebook.cells for output in cell.get("outputs", []))
    return "".join(output.text for output in outputs if output.output_type == "stream")


def install_plain_kernel(folder: Path) -> Path:
    """A data folder for ``JUPYTER_PATH`` that has it."""
    spec = folder / "kernels" / PLAIN
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "Plain", "language": "python"})
    )
    return folder
