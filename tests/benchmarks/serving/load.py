"""Load on one address for some seconds: wrk where it is installed, else a slower client of our own."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "generator", "put_load"]

_REPOSITORY = Path(__file__).parents[3]
_SCRIPT = Path(__file__).with_name("post.lua")
_BEYOND_SECONDS = 90.0


@dataclass(frozen=True)
class Load:
    """What one stretch of load found, all answers being 200: the rate, and the latency of a request."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float


def generator() -> str:
    """What puts the load, for people."""
    if shutil.which("wrk"):
        return "wrk, one thread"
    return "wrk is not installed: a client in Python, which itself slows fast servers down"


def put_load(name: str, url: str, bodies: Path, connections: int, seconds: float) -> Load:
    """POST the lines of ``bodies`` in turn over so many connections, each waiting for its answer.

    Raises
    ------
    RuntimeError
        When an answer was not 200, a connection broke, or nothing was answered.
    """
    if wrk := shutil.which("wrk"):
        # wrk counts in whole seconds.
        length = f"{max(1, math.ceil(seconds))}s"
        command = [wrk, "-t1", f"-c{connections}", f"-d{length}", "--timeout", "60s"]
        command += ["-s", str(_SCRIPT), url, "--", str(bodies)]
    else:
        command = [sys.executable, "-m", "tests.benchmarks.serving.client"]
        command += [url, str(bodies), str(connections), str(seconds)]
    done = subprocess.run(
        command,
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + _BEYOND_SECONDS,
    )
    line = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode or not line.startswith("{"):
        raise RuntimeError(f"{name}: the load generator failed:\n{done.stdout[-500:]}\n{done.stderr[-1000:]}")
    found = json.loads(line)
    if found["refused"] or found["broken"] or not found["requests"]:
        raise RuntimeError(
            f"{name}, {connections} connections: {found['refused']} of {found['requests']} answers were not "
            f"200, {found['broken']} connections broke"
        )
    rate = found["requests"] / found["seconds"]
    return Load(found["requests"], rate, found["p50_ms"], found["p99_ms"])
