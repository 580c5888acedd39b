"""A route that does nothing, on the HTTP stack of ours: what no server on it can exceed."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

_ANSWER = b'{"predictions":[0.25],"prediction_ids":["0123456789abcdef00000000-0"],"model_version":"1"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_ANSWER)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, answer always the same."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _ANSWER})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="error",
        proxy_headers=False,
        server_header=False,
    )
