"""``make bench``: measure what the README states. ``make bench ARGS="html --repeats 10"`` for a part,
``make bench ARGS="execution --only ready,memory"`` for a part of a part.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys

from tests.benchmarks import (
    backtest,
    execution,
    html,
    index,
    labelling,
    lifecycle,
    monitoring,
    panels,
    registry,
    retraining,
    runner,
    scheduling,
    serving,
    sweep,
)
from workbench.project import open_project

_PARTS = (
    *("lifecycle", "runner", "html", "index", "execution", "sweep", "registry", "serving", "monitoring"),
    *("scheduling", "panels", "labelling", "retraining", "backtest"),
)
_REPEATS = {
    "lifecycle": 3,
    "runner": 2,
    "html": 3,
    "index": 5,
    "execution": 10,
    "sweep": 2,
    "registry": 5,
    "serving": 3,
    "monitoring": 3,
    "scheduling": 3,
    "panels": 5,
    "labelling": 5,
    "retraining": 3,
    "backtest": 1,
}
_MEASURES = {
    "execution": execution.MEASURES,
    "sweep": sweep.MEASURES,
    "registry": registry.MEASURES,
    "serving": serving.MEASURES,
    "monitoring": monitoring.MEASURES,
    "scheduling": scheduling.MEASURES,
    "panels": panels.MEASURES,
    "labelling": labelling.MEASURES,
    "retraining": retraining.MEASURES,
    "backtest": backtest.MEASURES,
}


_QUICK = "of serving: short stretches, a small log; of backtest: two years and eight variants"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=[*_PARTS, "all"], default="all")
    parser.add_argument(
        "--repeats",
        type=int,
        help="default: 3, but 1, 2, 5 or 10 where that serves",
    )
    parts_of = "; ".join(f"of {part}: {', '.join(measures)}" for part, measures in _MEASURES.items())
    parser.add_argument("--only", default="", help=parts_of)
    parser.add_argument("--quick", action="store_true", help=_QUICK)
    parser.add_argument(
        "--full",
        action="store_true",
        help="of serving: a log of ten million rows; of panels: a hundred thousand runs",
    )
    chosen = parser.parse_args()
    only = [name for name in chosen.only.split(",") if name]
    if only and chosen.part not in _MEASURES:
        parser.error(f"--only is for: {', '.join(_MEASURES)}")
    if unknown := set(only) - set(_MEASURES.get(chosen.part, only)):
        parser.error(f"no measure {', '.join(sorted(unknown))}; {parts_of}")
    if chosen.repeats is not None and chosen.repeats < 1:
        parser.error("--repeats: 1 or more")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if sys.dont_write_bytecode:
        print("PYTHONDONTWRITEBYTECODE is set: imports may take two to three times as long as they need to")
    parts = _PARTS if chosen.part == "all" else (chosen.part,)
    repeats = {part: chosen.repeats or _REPEATS[part] for part in parts}
    if "lifecycle" in parts:
        lifecycle.main(repeats["lifecycle"])
    if "runner" in parts:
        runner.main(repeats["runner"])
    if "html" in parts:
        html.main(repeats["html"], open_project().reports)
    if "index" in parts:
        index.main(repeats["index"])
    if "execution" in parts:
        execution.main(repeats["execution"], only)
    if "sweep" in parts:
        sweep.main(repeats["sweep"], only)
    if "registry" in parts:
        registry.main(repeats["registry"], only)
    if "serving" in parts:
        serving.main(repeats["serving"], only, fast=chosen.quick, full=chosen.full)
    if "monitoring" in parts:
        monitoring.main(repeats["monitoring"], only)
    if "scheduling" in parts:
        scheduling.main(repeats["scheduling"], only)
    if "panels" in parts:
        panels.main(repeats["panels"], only, full=chosen.full)
    if "labelling" in parts:
        labelling.main(repeats["labelling"], only)
    if "retraining" in parts:
        retraining.main(repeats["retraining"], only)
    if "backtest" in parts:
        backtest.main(repeats["backtest"], only, fast=chosen.quick)


main()
