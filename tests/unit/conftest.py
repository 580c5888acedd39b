"""What all unit tests share: no project's helpers are taken for another's."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_helpers() -> Iterator[None]:
    """Every project's helpers are called ``helpers``, and many projects are opened in one process."""
    before = list(sys.path)
    sys.modules.pop("helpers", None)
    yield
    sys.modules.pop("helpers", None)
    sys.path[:] = before
