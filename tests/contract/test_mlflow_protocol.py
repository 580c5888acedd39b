"""MLflow's server and ours, with one model: wherever MLflow answers 200, ours does, and says the same.

Where ours refuses on purpose what MLflow answers, that is held here, too: in ``STRICTER``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.contract import mlflow_model
from tests.unit.serving.tiny import make_tiny, until
from workbench.serving import start

pytestmark = pytest.mark.server

ROWS = mlflow_model.rows().head(4)
COLUMNS = list(ROWS.columns)
DATA: list[list[Any]] = ROWS.astype(object).where(ROWS.notna(), None).values.tolist()
RECORDS: list[dict[str, Any]] = [dict(zip(COLUMNS, row, strict=True)) for row in DATA]
# The first row misses its weight, in which MLflow's formats of tensors have no null.
WHOLE = RECORDS[1:]
LISTS = {name: [record[name] for record in WHOLE] for name in COLUMNS}
JSON, CSV = "application/json", "text/csv"
PRECISION = 1e-12


def split(data: list[list[Any]] = DATA, columns: list[str] = COLUMNS, **more: Any) -> dict[str, Any]:
    return {"dataframe_split": {"columns": columns, "data": data}, **more}


def changed(**cells: Any) -> dict[str, Any]:
    return {"dataframe_records": [{**WHOLE[0], **cells}]}


EQUAL: dict[str, tuple[str, Any]] = {
    "split": (JSON, split()),
    "split as pandas writes it": (JSON, f'{{"dataframe_split": {ROWS.to_json(orient="split")}}}'),
    "split of one row": (JSON, split(DATA[1:2])),
    "split, columns in another order": (JSON, split([row[::-1] for row in DATA], COLUMNS[::-1])),
    "split, an index": (JSON, {"dataframe_split": {"index": [9], "columns": COLUMNS, "data": DATA[:1]}}),
    "records": (JSON, {"dataframe_records": RECORDS}),
    "records as pandas writes them": (JSON, f'{{"dataframe_records": {ROWS.to_json(orient="records")}}}'),
    "records, one leaves out what is missing": (
        JSON,
        {"dataframe_records": [WHOLE[0], {name: WHOLE[1][name] for name in COLUMNS if name != "weight"}]},
    ),
    "instances, rows": (JSON, {"instances": WHOLE}),
    "instances, rows with a null": (JSON, {"instances": RECORDS}),
    "instances, columns": (JSON, {"instances": LISTS}),
    "inputs, columns": (JSON, {"inputs": LISTS}),
    "inputs, columns with a null": (JSON, {"inputs": {**LISTS, "weight": [None, 0.5, None]}}),
    "inputs, one value for all rows": (JSON, {"inputs": {**LISTS, "size": 0.5}}),
    "inputs, values": (JSON, {"inputs": WHOLE[0]}),
    "inputs, rows": (JSON, {"inputs": WHOLE}),
    "a charset": ("application/json; charset=UTF-8", split()),
    "a byte order mark": (JSON, b"\xef\xbb\xbf" + json.dumps(split()).encode()),
    "an integer as a number": (JSON, changed(size=1)),
    "a large integer as a number": (JSON, changed(size=2**70)),
    "a null": (JSON, changed(colour=None, size=None, weight=None)),
    "an unknown category": (JSON, changed(colour="pink")),
    "an empty category": (JSON, changed(colour="")),
    "params that the model does not declare": (JSON, split(params={"temperature": 1})),
    "params that are null": (JSON, split(params=None)),
    "fields that nobody knows": (JSON, split(signature_name="x", foo=[1])),
    "CSV": (CSV, ROWS.to_csv(index=False)),
    "CSV with its index": (CSV, ROWS.to_csv()),
    "CSV with a charset": ("text/csv; charset=utf-8", ROWS.to_csv(index=False)),
    "CSV, lines of Windows": (CSV, ROWS.to_csv(index=False, lineterminator="\r\n")),
    "CSV, byte order mark": (CSV, ROWS.to_csv(index=False).encode("utf-8-sig")),
    "CSV, everything quoted": (CSV, ROWS.to_csv(index=False, quoting=1)),
    "CSV, empty lines, spaces and words for missing": (
        CSV,
        "colour,size,weight,member\n\nred, 1 ,NA,True\n\nblue,nan,,False\n",
    ),
}

# What MLflow answers and we refuse, with a word of ours that says why.
STRICTER: dict[str, tuple[str, Any, str]] = {
    "a number as text": (JSON, changed(size="1.5"), "expected a number, got '1.5'"),
    "true as a number": (JSON, changed(size=True), "expected a number, got True"),
    "a number as a category": (JSON, changed(colour=3), "expected text, got 3"),
    "an unknown column": (JSON, changed(colours="red"), "did you mean 'colour'?"),
    "NaN": (JSON, json.dumps(changed(weight=np.nan)), "send null"),
    "Infinity": (JSON, json.dumps(changed(weight=np.inf)), "send null"),
    "1e400": (JSON, json.dumps(changed(weight="X")).replace('"X"', "1e400"), "out of range"),
    "a key twice": (JSON, json.dumps(changed()).replace('"size":', '"size": 9, "size":'), "a key twice"),
    "UTF-16": (JSON, json.dumps(changed()).encode("utf-16"), "UTF-8"),
    "params that are a list": (JSON, split(params=[1]), "params"),
    "params that are nearly ours": (JSON, split(params={"versoin": 1}), "did you mean 'version'?"),
    "CSV, infinity": (CSV, "colour,size,weight,member\nred,inf,1,True\n", "expected a number"),
    "CSV, true as a number": (CSV, "colour,size,weight,member\nred,True,1,True\n", "expected a number"),
}

# Neither answers; MLflow says so with 400 or 415, or with 500.
REFUSED: dict[str, tuple[str, Any, int]] = {
    "nothing": (JSON, b"", 400),
    "no JSON": (JSON, b"{", 400),
    "a list": (JSON, [1], 400),
    "no format": (JSON, {}, 400),
    "two formats": (JSON, {**split(), "inputs": WHOLE}, 400),
    "no rows": (JSON, split([]), 400),
    "a column is missing": (JSON, split([row[1:] for row in DATA], COLUMNS[1:]), 400),
    "a column twice": (JSON, split([[*row, 1.0] for row in DATA], [*COLUMNS, "size"]), 400),
    "no column names": (JSON, {"dataframe_split": {"data": DATA}}, 400),
    "a field that split does not have": (
        JSON,
        {"dataframe_split": {**split()["dataframe_split"], "x": 1}},
        400,
    ),
    "records that are none": (JSON, {"dataframe_records": RECORDS[0]}, 400),
    "text that is no number": (JSON, changed(size="one"), 400),
    "half a character": (JSON, json.dumps(changed(colour="\ud800")), 400),
    "a key without columns": (JSON, {"inputs": {**LISTS, "size": [1.0]}}, 400),
    "nested too deeply": (JSON, b"[" * 10_000 + b"]" * 10_000, 400),
    "CSV without rows": (CSV, "colour,size,weight,member\n", 400),
    "CSV that is too short": (CSV, "colour,size,weight,member\nred,1\n", 400),
    "CSV, a cell too many": (CSV, "colour,size,weight,member\nred,1,1,True,5\n", 400),
    "CSV that is no UTF-8": (CSV, b"colour,size,weight,member\n\xff,1,1,True\n", 400),
    "another charset": ("application/json; charset=latin-1", split(), 415),
    "the format of MLflow 1": ("application/json; format=pandas-split", split(), 415),
    "another content type": ("text/plain", split(), 415),
}


class Both(NamedTuple):
    mlflow: httpx.Client
    ours: httpx.Client

    def ask(self, content_type: str, content: Any) -> tuple[httpx.Response, httpx.Response]:
        body = content if isinstance(content, bytes | str) else json.dumps(content)
        headers = {"Content-Type": content_type}
        theirs, own = (client.post("/invocations", content=body, headers=headers) for client in self)
        return theirs, own


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """MLflow's server on a socket that is a file, and ours."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    project = make_tiny(tmp_path_factory.mktemp("ours") / "project")
    shutil.copyfile(Path(mlflow_model.__file__), project.root / "helpers" / "mlflow_model.py")
    model, frame = mlflow_model.fitted(), mlflow_model.rows()
    # Short, since the path of a socket may have 107 characters only.
    with tempfile.TemporaryDirectory(prefix="wb-ml-", dir="/tmp") as folder:
        mlflow.sklearn.save_model(
            model,
            f"{folder}/model",
            signature=infer_signature(frame, model.predict_proba(frame)),
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
            # Not looked for: that takes ten seconds.
            pip_requirements=[],
        )
        socket = f"{folder}/socket"
        command = (sys.executable, "-m", "uvicorn", "--uds", socket, "mlflow.pyfunc.scoring_server.app:app")
        environment = {**os.environ, "__pyfunc_model_path__": f"{folder}/model", "OMP_NUM_THREADS": "1"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=environment, cwd=folder, **quiet)
        # MLflow's server lets go of a connection after an error of its own.
        once = httpx.Limits(max_keepalive_connections=0)
        try:
            with (
                start(project, champion=1, models="mlflow_model:Source") as server,
                httpx.Client(
                    transport=httpx.HTTPTransport(uds=socket, limits=once), base_url="http://mlflow"
                ) as theirs,
                httpx.Client(base_url=server.url, trust_env=False) as ours,
            ):
                until(lambda: process.poll() is not None or Path(socket).exists(), seconds=60)
                assert theirs.get("/ping").status_code == 200
                yield Both(theirs, ours)
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("name", EQUAL)
def test_what_mlflow_answers_we_answer_alike(both: Both, name: str) -> None:
    theirs, ours = both.ask(*EQUAL[name])
    assert theirs.status_code == 200, theirs.text
    assert ours.status_code == 200, ours.text
    predictions = ours.json()["predictions"]
    np.testing.assert_allclose(predictions, theirs.json()["predictions"], rtol=0, atol=PRECISION)
    assert len(set(ours.json()["prediction_ids"])) == len(predictions)


@pytest.mark.parametrize("name", STRICTER)
def test_what_is_most_likely_a_mistake_we_refuse(both: Both, name: str) -> None:
    content_type, content, says = STRICTER[name]
    theirs, ours = both.ask(content_type, content)
    assert theirs.status_code == 200, theirs.text
    assert ours.status_code == 400, ours.text
    assert says in ours.json()["message"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_mlflow_refuses_we_refuse_with_its_status(both: Both, name: str) -> None:
    content_type, content, status = REFUSED[name]
    theirs, ours = both.ask(content_type, content)
    assert theirs.status_code in (status, 500), theirs.text
    assert ours.status_code == status, ours.text
    told = ours.json()
    assert told["error_code"] == "BAD_REQUEST"
    assert "\n" not in told["message"]


def test_mlflows_own_client_works_with_ours(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    monkeypatch.setenv("NO_PROXY", "*")
    url = urlsplit(str(both.ours.base_url))
    client = ScoringServerClient(url.hostname, url.port)
    client.ping()
    assert json.loads(client.get_version())["model_version"] == "1"
    whole = ROWS.iloc[1:]
    expected = mlflow_model.fitted().predict_proba(whole)
    answered = client.invoke(whole, params={"user_group": "west"})
    np.testing.assert_allclose(answered.get_predictions("ndarray"), expected, rtol=0, atol=PRECISION)
    frame = client.invoke(whole).get_predictions()
    pd.testing.assert_frame_equal(frame, pd.DataFrame(expected))


@pytest.mark.parametrize("path", ["/ping", "/health", "/version"])
def test_the_routes_around_it_answer_as_mlflows_do(both: Both, path: str) -> None:
    theirs, ours = (client.get(path) for client in both)
    assert ours.status_code == theirs.status_code == 200
    assert both.ours.post(path).status_code == both.mlflow.post(path).status_code == 405
