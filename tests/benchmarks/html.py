"""A report's HTML: ours against ``jupyter nbconvert --to html``, both as a process from the prompt."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import run, spread

__all__ = ["main"]

_OURS = """
import sys, nbformat
from pathlib import Path
from workbench.tracking.html import render
from workbench.tracking.reports import Manifest
folder = Path(sys.argv[1])
manifest = Manifest.model_validate_json((folder / "manifest.json").read_text())
notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)
Path(sys.argv[2]).write_text(render(notebook, title=manifest.phase, manifest=manifest))
"""


def main(repeats: int, reports: Path) -> None:
    """Render the newest ``train`` report both ways in turn and print times, sizes and the ratio."""
    found = sorted((reports / "train").glob("[!.]*/manifest.json"))
    if not found:
        print("report HTML: no report of phase train here; run `workbench run` first")
        return
    folder = found[-1].parent
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as scratch:
        page, other = Path(scratch) / "ours.html", Path(scratch) / "theirs.html"
        nbconvert = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", str(other)]
        for _ in range(repeats):
            ours.append(run([sys.executable, "-c", _OURS, str(folder), str(page)], Path(scratch)).seconds)
            theirs.append(run([*nbconvert, str(folder / "notebook.ipynb")], Path(scratch)).seconds)
        sizes = [path.stat().st_size / 1e6 for path in (page, other)]
    ratio = statistics.median([b / a for a, b in zip(ours, theirs, strict=True)])
    print(f"HTML of a train report, {repeats} repeats in turn: median (lowest–highest)")
    print(f"  ours       {spread(ours)}  {sizes[0]:.2f} MB, opens offline, runs no script")
    print(f"  nbconvert  {spread(theirs)}  {sizes[1]:.2f} MB, fetches scripts from the network")
    print(f"  ratio      {ratio:.1f}")
