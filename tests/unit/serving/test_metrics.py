"""What Prometheus is told: by one process, and by several that answer for each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from workbench.serving.http.metrics import Metrics, Now, forget


def samples(rendered: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """As Prometheus would read it."""
    return {
        (sample.name.removeprefix("workbench_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(rendered.decode())
        for sample in family.samples
    }


def of(rendered: bytes, name: str, **labels: str) -> float:
    return samples(rendered)[name, frozenset(labels.items())]


def test_what_was_counted_is_told() -> None:
    now = Now(
        waiting=3,
        champion=7,
        refused_versions=1,
        registry_age_seconds=1.5,
        uncompacted_rows=20,
        shadow_failed_rows=4,
    )
    metrics = Metrics(look=lambda: now)
    metrics.replied(200, 0.0007)
    metrics.replied(200, 0.03)
    metrics.replied(429, 0.0001)
    metrics.answered(7, "champion", 64)
    metrics.answered(7, "champion", 2)
    metrics.answered(8, "canary", 1)
    metrics.refused("too many waiting")
    metrics.took("model", 0.0002)
    metrics.gathered(64)
    metrics.log_failed()
    told = metrics.render()
    assert of(told, "requests_total", status="2xx") == 2
    assert of(told, "requests_total", status="4xx") == 1
    assert of(told, "request_seconds_bucket", le="0.001") == 2
    assert of(told, "request_seconds_count") == 3
    assert of(told, "request_seconds_sum") == pytest.approx(0.0308)
    assert of(told, "predictions_total", version="7", role="champion") == 66
    assert of(told, "predictions_total", version="8", role="canary") == 1
    assert of(told, "refused_total", reason="too many waiting") == 1
    assert of(told, "stage_seconds_count", stage="model") == 1
    assert of(told, "batch_rows_bucket", le="64.0") == 1
    assert of(told, "log_failures_total") == 1
    assert (of(told, "waiting_requests"), of(told, "champion_version")) == (3, 7)
    assert of(told, "refused_versions") == 1
    assert (of(told, "registry_age_seconds"), of(told, "uncompacted_rows")) == (1.5, 20)


def test_rows_of_shadows_are_counted_once_however_often_it_is_looked() -> None:
    counts = [Now(shadow_rows=5), Now(shadow_rows=5), Now(shadow_rows=9, shadow_dropped_rows=2)]
    metrics = Metrics(look=lambda: counts.pop(0))
    metrics.refresh()
    metrics.refresh()
    told = metrics.render()
    assert of(told, "shadow_rows_total", outcome="answered") == 9
    assert of(told, "shadow_rows_total", outcome="dropped") == 2


WORKER = """
import os, sys
import prometheus_client  # as in a process forked from one that has imported it
from workbench.serving.http.metrics import Metrics, Now
folder, rows, version = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
metrics = Metrics(folder, lambda: Now(waiting=rows, champion=version, registry_age_seconds=rows))
metrics.answered(version, "champion", rows)
metrics.replied(200, 0.001 * rows)
sys.stdout.buffer.write(metrics.render())
print(f"# {os.getpid()}")
"""


def test_any_of_several_workers_answers_for_all_and_the_dead_are_no_longer_waited_for(tmp_path: Path) -> None:
    def worker(rows: int, version: int) -> tuple[bytes, int]:
        command = [sys.executable, "-c", WORKER, str(tmp_path), str(rows), str(version)]
        told, _, pid = subprocess.run(command, capture_output=True, check=True).stdout.rpartition(b"# ")
        return told, int(pid)

    alone, first = worker(2, 7)
    assert of(alone, "waiting_requests") == 2
    both, second = worker(3, 8)
    assert of(both, "requests_total", status="2xx") == 2
    assert of(both, "request_seconds_bucket", le="0.002") == 1
    assert of(both, "request_seconds_count") == 2
    assert of(both, "waiting_requests") == 5
    assert of(both, "registry_age_seconds") == 3
    assert of(both, "champion_version", pid=str(first)) == 7
    assert of(both, "champion_version", pid=str(second)) == 8
    forget(str(tmp_path), first)
    after, _ = worker(4, 8)
    assert of(after, "waiting_requests") == 7
    assert of(after, "predictions_total", version="7", role="champion") == 2
    assert of(after, "predictions_total", version="8", role="champion") == 7


def test_metrics_cost_nothing_where_no_server_runs() -> None:
    modules = "workbench.serving, workbench.serving.http.metrics"
    program = f"import sys, {modules}; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
