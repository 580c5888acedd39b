"""How many threads numerical libraries of this process take: as many as its run was promised cores."""

from __future__ import annotations

import os

__all__ = ["limit"]

# Read by libraries that are loaded later, and by processes that are started from this one.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def limit(cores: int) -> None:
    """Trials run side by side: without a limit the threads of each would fight with those of all others."""
    import threadpoolctl

    for name in _VARIABLES:
        os.environ[name] = str(cores)
    threadpoolctl.threadpool_limits(cores)
