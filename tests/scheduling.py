"""How tests are spread over processes: by file, and what looks at the run of the flights project in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

_ON_FLIGHTS = ("tests/notebooks/", "tests/browser/test_lab.py", "tests/browser/test_reports.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """With ``--dist loadfile``; a process gets its next file when it is through with one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "flights" if nodeid.startswith(_ON_FLIGHTS) else super()._split_scope(nodeid)

    return Scheduling(config, log)
