"""JupyterLab as a user starts it, and a notebook in it as a user sees it."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["Lab", "LabNotebook", "start_lab"]

_STARTED = re.compile(r"http://127\.0\.0\.1:(\d+)/lab")
_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # All cells stand in the page, so that what a person could scroll to can be asked for.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
_WAIT_MS = 150_000

_KERNEL_READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.context;
  const kernel = context?.sessionContext?.session?.kernel;
  return Boolean(context?.isReady && context.sessionContext.isReady && kernel
    && kernel.connectionStatus === 'connected' && kernel.status === 'idle');
}"""
_CELLS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells;
  return cells.filter(cell => cell.cell_type === 'code' && cell.getSource().trim()).map(cell => ({
    count: cell.execution_count, outputs: cell.getOutputs()
  }));
}"""
_ALL_RAN = f"""() => {{
  const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
  const cells = ({_CELLS})();
  const failed = cells.some(cell => cell.outputs.some(output => output.output_type === 'error'));
  return kernel.status === 'idle' && (failed || cells.every(cell => cell.count !== null));
}}"""


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs on a project."""

    address: str
    token: str

    def open(self, page: Page, notebook: str) -> LabNotebook:
        """Open a notebook and wait until its kernel can take a cell."""
        page.goto(f"{self.address}/lab/tree/{notebook}?reset&token={self.token}", timeout=_WAIT_MS)
        return LabNotebook(page).wait_for_kernel()

    def panel(self, page: Page, name: str) -> Locator:
        """Run a panel's notebook from top to bottom without an error; the panel that it shows."""
        cells = self.open(page, f"notebooks/panels/{name}.ipynb").run_all()
        outputs = [output for cell in cells for output in cell["outputs"]]
        assert [output for output in outputs if output["output_type"] == "error"] == []
        panel = page.locator(".jp-OutputArea .widget-vbox").first
        panel.wait_for()
        return panel


@dataclass(frozen=True)
class LabNotebook:
    """The notebook that is open in a page."""

    page: Page

    def wait_for_kernel(self) -> Self:
        """Wait until its kernel can take a cell."""
        self.page.wait_for_function(_KERNEL_READY, timeout=_WAIT_MS, polling=20)
        return self

    def run_all(self) -> list[dict[str, Any]]:
        """Run all cells by the command behind the menu; their outputs once all have run, or one failed."""
        self.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(_ALL_RAN, timeout=_WAIT_MS)
        cells: list[dict[str, Any]] = self.page.evaluate(_CELLS)
        return cells

    def charts(self, expected: int) -> list[int]:
        """The width in pixels of each picture once so many are shown, 0 for one that is broken."""
        self.page.wait_for_function(
            """expected => {
              const pictures = [...document.querySelectorAll('.jp-OutputArea img')];
              return pictures.length >= expected && pictures.every(picture => picture.complete);
            }""",
            arg=expected,
        )
        widths: list[int] = self.page.eval_on_selector_all(
            ".jp-OutputArea img", "pictures => pictures.map(picture => picture.naturalWidth)"
        )
        return widths


@contextmanager
def start_lab(root: Path, scratch: Path) -> Iterator[Lab]:
    """JupyterLab on a project's folder, with settings of its own, ended with the block.

    All share an agent, which another ``HOME`` would not.
    """
    settings = scratch / "settings"
    for name, values in _SETTINGS.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    places = {
        "IPYTHONDIR": scratch / "ipython",
        "JUPYTER_CONFIG_DIR": scratch / "config",
        "JUPYTER_DATA_DIR": scratch / "data",
        "JUPYTER_RUNTIME_DIR": scratch / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": scratch / "workspaces",
    }
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={free_port()}"),
        *(f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={token}", "--allow-root"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
    ]
    # The tests draw without a screen; a person's kernel draws into the notebook.
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    server = subprocess.Popen(
        command,
        cwd=root,
        env={**inherited, **{name: str(place) for name, place in places.items()}},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    log = _Log(server)
    try:
        yield Lab(log.address(), token)
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log.reader.join()
        print("".join(log.lines))  # shown by pytest when the test failed


class _Log:
    """What the server says, read as it is said so that a full pipe never stops it."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._server, self._port = server, 0
        self._told, self._pause = threading.Event(), threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def address(self) -> str:
        """Where it listens. It says so a moment too early, and may take another port than it was given."""
        self._told.wait(timeout=_WAIT_MS / 1000)
        until = time.monotonic() + _WAIT_MS / 1000
        while self._server.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
            except OSError:
                self._pause.wait(0.02)
            else:
                return f"http://127.0.0.1:{self._port}"
        raise AssertionError("JupyterLab did not start:\n" + "".join(self.lines))

    def _read(self) -> None:
        for line in self._server.stderr or ():
            self.lines.append(line)
            if not self._port and (found := _STARTED.search(line)):
                self._port = int(found[1])
                self._told.set()
        self._told.set()
