"""A canary: a notebook shows a secret in every way it can, and no part of the report has it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from tests.projects import write_notebook
from workbench.tracking import secrets
from workbench.tracking.redaction import Redactor

CANARY = "kanarie/<Zeisig>&'7\\x41"
CELLS = [
    "from workbench.tracking import secrets\nvalue = secrets.resolve(token)",
    "print(value)\nprint(repr(value), [value], {value: 1})",
    "import sys\nprint(value, file=sys.stderr)",
    "value",
    "from IPython.display import HTML, JSON, Markdown, display\nimport html\n"
    "display(HTML(f'<b title=\"{html.escape(value)}\">{value}</b>'), JSON({'a': [value, {value: 1}]}),"
    " Markdown(value), metadata={'seen': value})",
    "import pandas as pd\npd.DataFrame({'token': [value], value: [1]})",
    "import json, base64, urllib.parse\n"
    "print(json.dumps({'v': value}), base64.b64encode(value.encode()), urllib.parse.quote(value))",
    "import logging\nlogging.warning('trying %r', value)",
    "import os\nos.write(1, value.encode() + b'\\n')\nos.write(2, repr(value).encode() + b'\\n')",
    "raise ValueError(f'refused: {value!r}')",
]


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NotebookNode:
    """What a real kernel made of the notebook."""
    monkeypatch.setenv("WB_CANARY", CANARY)
    write_notebook(tmp_path / "in.ipynb", CELLS, 'token = "secret:"')
    with pytest.raises(PapermillExecutionError, match="refused"):
        papermill.execute_notebook(
            str(tmp_path / "in.ipynb"),
            str(tmp_path / "out.ipynb"),
            parameters={"token": "secret:WB_CANARY"},
            progress_bar=False,
        )
    return nbformat.read(tmp_path / "out.ipynb", as_version=4)


def _traces(text: str) -> list[str]:
    """Parts of the canary that are long enough to be no accident."""
    whole = (CANARY, json.dumps(CANARY)[1:-1], base64.b64encode(CANARY.encode()).decode())
    pieces = {piece[i : i + 6] for piece in whole for i in range(len(piece) - 5)}
    return sorted(piece for piece in pieces if piece in text)


def test_the_canary_is_in_no_part_of_the_notebook(shown: NotebookNode) -> None:
    assert _traces(nbformat.writes(shown))
    references = secrets.names_in(dict(shown.metadata.papermill.parameters))
    assert references == ["WB_CANARY"]
    Redactor([secrets.resolve(name) for name in references]).redact_notebook(shown)
    nbformat.validate(shown)
    written = nbformat.writes(shown)
    assert _traces(written) == []
    assert "secret:WB_CANARY" in written
    assert written.count("•••") > 15


def test_pictures_are_not_torn_by_a_short_secret() -> None:
    picture = base64.b64encode(bytes(range(256)) * 40).decode()
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "",
                outputs=[
                    nbformat.v4.new_output(
                        "display_data", {"image/png": picture, "text/plain": picture[8:12]}
                    )
                ],
            )
        ]
    )
    Redactor([picture[8:12]]).redact_notebook(notebook)
    assert notebook.cells[0].outputs[0].data == {"image/png": picture, "text/plain": "•••"}
