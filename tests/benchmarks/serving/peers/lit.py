"""LitServe: one worker, batching of what waits. A request is a frame in MLflow's ``dataframe_split``."""

from __future__ import annotations

import sys
from typing import Any

import litserve
import pandas as pd
from scorer import Scorer


class Flights(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.score = Scorer()

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # it reads annotations, as types of its own
        return request["dataframe_split"]

    def batch(self, inputs: list[dict[str, Any]]) -> tuple[pd.DataFrame, list[int]]:
        data = [row for split in inputs for row in split["data"]]
        return pd.DataFrame(data, columns=inputs[0]["columns"]), [len(split["data"]) for split in inputs]

    def predict(self, given: tuple[pd.DataFrame, list[int]]) -> tuple[list[float], list[int]]:
        frame, counts = given
        return self.score(frame), counts

    def unbatch(self, output: tuple[list[float], list[int]]) -> list[list[float]]:
        scores, counts = output
        parts, begin = [], 0
        for count in counts:
            parts.append(scores[begin : begin + count])
            begin += count
        return parts

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        return {"predictions": output}


if __name__ == "__main__":
    api = Flights(max_batch_size=64, batch_timeout=float(sys.argv[2]) if len(sys.argv) > 2 else 0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="error",
        generate_client_file=False,
    )
