"""A visitor of the demo without a browser: asks as the page's own script does, and fetches every file of the answer.

gradio's client takes twice the processor time of the server that it asks, on the same machine: it measures itself.
"""

from __future__ import annotations

import json
import urllib.request
import uuid
from typing import Any
from urllib.parse import quote

_PATIENCE = 300.0
"""Seconds without an answer after which a visitor gives up."""


class DemoVisitor:
    """One visitor of the demo.

    Args:
        address: of the demo, without a slash at the end.
        model: which one to ask.
    """

    def __init__(self, address: str, model: str) -> None:
        self._address, self._model = address, model
        asked = json.loads(self._open("/config"))["dependencies"]
        self._function = next(one["id"] for one in asked if one["api_name"] == "predict")

    def give(self, name: str, data: bytes) -> list[Any]:
        """Upload a photo, wait for the answer and fetch all its files; returns what the page is told."""
        edge = "----a-file-ends-here"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
        (path,) = json.loads(self._open("/upload", body, f"multipart/form-data; boundary={edge}"))
        photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
        session = uuid.uuid4().hex
        question = {
            "data": [photo, self._model, "stretch", False, 0.55],
            "fn_index": self._function,
            "session_hash": session,
        }
        self._open("/queue/join", json.dumps(question).encode(), "application/json")
        answer = self._listen(f"/queue/data?session_hash={session}")
        for file in _files(answer):
            self._open(f"/file={quote(file)}")
        return answer

    def _open(self, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        headers = {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(f"{self._address}/gradio_api{path}", body, headers)
        if path == "/config":
            request = urllib.request.Request(self._address + path)
        with urllib.request.urlopen(request, timeout=_PATIENCE) as told:
            return bytes(told.read())

    def _listen(self, path: str) -> list[Any]:
        with urllib.request.urlopen(f"{self._address}/gradio_api{path}", timeout=_PATIENCE) as lines:
            for line in lines:
                if line.startswith(b"data:"):
                    message = json.loads(line[5:])
                    if message["msg"] == "process_completed":
                        if not message["success"]:
                            raise SystemExit(f"the demo refused: {message['output'].get('error')}")
                        data: list[Any] = message["output"]["data"]
                        return data
        raise SystemExit("the demo ended before it answered")


def _files(value: Any) -> list[str]:
    """Return the paths of all files in an answer, however deep."""
    if isinstance(value, dict):
        if value.get("meta", {}).get("_type") == "gradio.FileData":
            return [value["path"]]
        value = list(value.values())
    return [path for part in value for path in _files(part)] if isinstance(value, list) else []
