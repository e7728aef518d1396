"""Demo client without a browser: sends the requests of the page's script and downloads every file of the answer.

gradio's own client takes twice the CPU time of the server on the same machine and would mostly measure itself.
"""

from __future__ import annotations

import json
import urllib.request
import uuid
from typing import Any
from urllib.parse import quote

from benchmarks.common import TIMEOUT, multipart


class DemoVisitor:
    """A client of the demo at a URL without a trailing slash, which predicts with one model."""

    def __init__(self, address: str, model: str) -> None:
        self._address, self._model = address, model
        with urllib.request.urlopen(f"{address}/config", timeout=TIMEOUT) as response:
            functions = json.load(response)["dependencies"]
        self._function = next(function["id"] for function in functions if function["api_name"] == "predict")

    def upload(self, name: str, data: bytes) -> list[Any]:
        """Upload a photo, wait for the prediction, download all its files and return the outputs of ``/predict``."""
        (path,) = json.loads(self._open("/upload", *multipart("files", name, data)))
        photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
        session = uuid.uuid4().hex
        inputs = [photo, self._model, "stretch", False, 0.55]
        request = {"data": inputs, "fn_index": self._function, "session_hash": session}
        self._open("/queue/join", json.dumps(request).encode(), "application/json")
        outputs = self._outputs(session)
        for file in _files(outputs):
            self._open(f"/file={quote(file)}")
        return outputs

    def _open(self, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        headers = {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(f"{self._address}/gradio_api{path}", body, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return bytes(response.read())

    def _outputs(self, session: str) -> list[Any]:
        address = f"{self._address}/gradio_api/queue/data?session_hash={session}"
        with urllib.request.urlopen(address, timeout=TIMEOUT) as events:
            for line in events:
                message: dict[str, Any] = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if message.get("msg") == "process_completed":
                    if not message["success"]:
                        raise SystemExit(f"the demo refused: {message['output'].get('error')}")
                    return list(message["output"]["data"])
        raise SystemExit("the demo ended before it answered")


def _files(value: Any) -> list[str]:
    """Return the paths of all files in nested outputs."""
    if isinstance(value, dict):
        if value.get("meta", {}).get("_type") == "gradio.FileData":
            return [value["path"]]
        value = list(value.values())
    return [path for part in value for path in _files(part)] if isinstance(value, list) else []
