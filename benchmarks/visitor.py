"""Client of the app without a browser: speaks the protocol of Streamlit's page and renders nothing.

Eight browsers on the server's machine would mostly measure the browsers. This client sends the same requests (static
files, a websocket, the upload, widget state, automatic reruns) and reads every message. It keeps no messages of earlier
runs, so the server sends it slightly more than a browser.
"""

from __future__ import annotations

import json
import re
import struct
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLsRequest
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from benchmarks.common import TIMEOUT, multipart

_COOKIE = "_streamlit_xsrf"
_FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)


@dataclass
class Answer:
    """Messages of one run of the page."""

    elements: list[Element] = field(default_factory=list)  # every element, in order of arrival
    seconds: float = 0.0  # from the request to the end of the run
    seen: float = 0.0  # from the request to the last image of a viewer; equals ``seconds`` without a viewer
    bytes: int = 0  # size of all messages

    def of_kind(self, kind: str) -> list[Any]:
        """Return all elements of a Streamlit type: ``alert``, ``exception``, ``metric`` and so on."""
        return [getattr(element, kind) for element in self.elements if element.WhichOneof("type") == kind]

    def viewers(self) -> list[dict[str, Any]]:
        """Return the JSON header of every viewer."""
        shown = [one.bytes for one in self.of_kind("bidi_component") if one.component_name == "cityseg_viewer"]
        return [json.loads(data[4 : 4 + struct.unpack("<I", data[:4])[0]]) for data in shown]


class Visitor:
    """A client of one page of the app at a URL without a trailing slash, with its own session."""

    def __init__(self, address: str, page: str, query: str = "") -> None:
        self._address, self._page, self._query = address, page, query
        self._session = self._script = self._uploader = ""
        self._widgets: dict[str, WidgetState] = {}
        self._reruns: dict[str, tuple[float, float]] = {}

    def open(self) -> Answer:
        """Load the page and its static files, and wait for the end of its first run."""
        start = time.perf_counter()
        index = self._get("/")
        for name in re.findall(rb'(?:src|href)="\./([^"]+\.(?:js|css))"', index):
            self._get(f"/{name.decode()}")
        with urllib.request.urlopen(f"{self._address}/_stcore/health", timeout=TIMEOUT) as response:
            cookies = response.headers.get_all("Set-Cookie")
        (cookie,) = (text for text in cookies if text.startswith(_COOKIE))
        self._token = cookie.partition("=")[2].partition(";")[0]
        self._socket = connect(
            f"{self._address.replace('http', 'ws', 1)}/_stcore/stream",
            origin=Origin(self._address),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(self._token)],
            additional_headers={"Cookie": f"{_COOKIE}={self._token}"},
            max_size=None,
            max_queue=None,
            ping_interval=None,
            open_timeout=TIMEOUT,
        )
        return self._rerun(start)

    def upload(self, name: str, data: bytes) -> Answer:
        """Upload one file in place of all earlier ones, and wait for the end of the page's run."""
        start = time.perf_counter()
        request = FileURLsRequest(request_id="upload", session_id=self._session, file_names=[name])
        self._socket.send(BackMsg(file_urls_request=request).SerializeToString())
        while (message := self._next()).WhichOneof("type") != "file_urls_response":
            pass
        (urls,) = message.file_urls_response.file_urls
        body, content_type = multipart(name, name, data)
        headers = {"Content-Type": content_type, "X-Xsrftoken": self._token, "Cookie": f"{_COOKIE}={self._token}"}
        put = urllib.request.Request(self._address + urls.upload_url, body, headers, method="PUT")
        urllib.request.urlopen(put, timeout=TIMEOUT).close()
        state = WidgetState(id=self._uploader)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(data), file_id=urls.file_id, file_urls=urls
        )
        self._widgets[self._uploader] = state
        return self._rerun(start)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self._address + path, timeout=TIMEOUT) as response:
            return bytes(response.read())

    def _request(self, fragment: str = "") -> None:
        state = ClientState(
            query_string=self._query,
            page_script_hash=self._script,
            page_name="" if self._script else self._page,
            fragment_id=fragment,
            is_auto_rerun=bool(fragment),
            widget_states=WidgetStates(widgets=self._widgets.values()),
        )
        self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    def _rerun(self, start: float) -> Answer:
        """Request a run of the page and read all its messages."""
        self._request()
        answer = Answer()
        while True:
            message = self._next()
            kind = message.WhichOneof("type")
            answer.bytes += message.ByteSize()
            if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                answer.elements.append(element)
                if element.WhichOneof("type") == "file_uploader":
                    self._uploader = element.file_uploader.id
                if element.WhichOneof("type") == "bidi_component":
                    answer.seen = time.perf_counter() - start
            elif kind == "script_finished" and message.script_finished in _FINISHED:
                answer.seconds = time.perf_counter() - start
                answer.seen = answer.seen or answer.seconds
                return answer

    def _next(self) -> ForwardMsg:
        """Return the next message; meanwhile request automatic reruns when they are due, as a browser does."""
        limit = time.monotonic() + TIMEOUT
        while True:
            due = min((due for _, due in self._reruns.values()), default=limit)
            try:
                message = ForwardMsg.FromString(self._socket.recv(max(0.0, min(due, limit) - time.monotonic())))
            except TimeoutError:
                if time.monotonic() > limit:
                    raise
                for fragment, (interval, due) in self._reruns.items():
                    if time.monotonic() >= due:
                        self._reruns[fragment] = (interval, time.monotonic() + interval)
                        self._request(fragment)
                continue
            self._update_session(message)
            return message

    def _update_session(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session = message.new_session.initialize.session_id
        elif kind == "navigation":
            self._script = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            interval = message.auto_rerun.interval
            self._reruns[message.auto_rerun.fragment_id] = (interval, time.monotonic() + interval)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._reruns.pop(fragment, None)
