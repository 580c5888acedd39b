"""``make bench``: measure what the README states. ``make bench ARGS="html --repeats 10"`` for a part."""

from __future__ import annotations

import argparse
import os
import platform

from tests.benchmarks import html, lifecycle
from workbench.project import open_project


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=["lifecycle", "html", "all"], default="all")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if chosen.part in ("lifecycle", "all"):
        lifecycle.main(chosen.repeats)
    if chosen.part in ("html", "all"):
        html.main(chosen.repeats, open_project().reports)


main()
