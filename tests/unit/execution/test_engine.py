"""Which kernel a notebook runs in."""

from __future__ import annotations

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbformat.v4 import new_notebook

from workbench.execution.executor.engine import kernel_for


@pytest.mark.parametrize(
    ("asked", "with_ours", "without"),
    [
        ("workbench", "workbench", "python3"),
        ("python3", "workbench", "python3"),
        ("python", "workbench", "python3"),
        ("", "workbench", "python3"),
        ("ir", "ir", "ir"),
    ],
)
def test_a_python_notebook_gets_our_kernel_where_it_is_installed(
    asked: str, with_ours: str, without: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = new_notebook()
    if asked:
        notebook.metadata["kernelspec"] = {"name": asked, "display_name": asked}
    for installed, expected in ({"python3": "", "workbench": ""}, with_ours), ({"python3": ""}, without):
        monkeypatch.setattr(KernelSpecManager, "find_kernel_specs", lambda _, found=installed: found)
        assert kernel_for(notebook) == expected
