"""A visitor of the app without a browser: speaks the protocol of Streamlit's own page, and draws nothing.

Eight browsers on the machine that serves them measure the browsers. This visitor sends what a browser sends (the page's
own files, a websocket, the upload, the widget's state, the ticks of what renews itself) and reads every message of the
answer; unlike a browser it keeps no answer of an earlier run, so it is sent a little more.
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
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

_COOKIE = "_streamlit_xsrf"
_PATIENCE = 300.0
"""Seconds without an answer after which a visitor gives up."""


@dataclass
class Answer:
    """What came of one run of the page.

    Attributes:
        elements: everything shown, in the order it came.
        seconds: from asking to the end of the run.
        seen: from asking to the last picture of a viewer; the same as ``seconds`` where there is none.
        bytes: how much was sent.
    """

    elements: list[Element] = field(default_factory=list)
    seconds: float = 0.0
    seen: float = 0.0
    bytes: int = 0

    def of_kind(self, kind: str) -> list[Any]:
        """Return all elements of a kind, as Streamlit calls them: ``alert``, ``exception``, ``metric`` and so on."""
        return [getattr(element, kind) for element in self.elements if element.WhichOneof("type") == kind]

    def viewers(self) -> list[dict[str, Any]]:
        """Return the descriptions of the pictures that are shown in viewers."""
        shown = [one.bytes for one in self.of_kind("bidi_component") if one.component_name == "cityseg_viewer"]
        return [json.loads(data[4 : 4 + struct.unpack("<I", data[:4])[0]]) for data in shown]


class Visitor:
    """One visitor of one page, with a session of its own.

    Args:
        address: of the app, without a slash at the end.
        page: its name in the address.
        query: what stands behind the question mark.
    """

    def __init__(self, address: str, page: str, query: str = "") -> None:
        self._address, self._page, self._query = address, page, query
        self._session = self._script = self._uploader = ""
        self._widgets: dict[str, WidgetState] = {}
        self._ticks: dict[str, tuple[float, float]] = {}

    def arrive(self) -> Answer:
        """Load the page for the first time, its own files among it."""
        begun = time.perf_counter()
        index = self._get("/")
        for name in re.findall(rb'(?:src|href)="\./([^"]+\.(?:js|css))"', index):
            self._get(f"/{name.decode()}")
        with urllib.request.urlopen(f"{self._address}/_stcore/health", timeout=_PATIENCE) as healthy:
            self._token = next(
                words.partition("=")[2].partition(";")[0]
                for words in healthy.headers.get_all("Set-Cookie")
                if words.startswith(_COOKIE)
            )
        self._socket = connect(
            f"{self._address.replace('http', 'ws', 1)}/_stcore/stream",
            origin=Origin(self._address),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(self._token)],
            additional_headers={"Cookie": f"{_COOKIE}={self._token}"},
            max_size=None,
            max_queue=None,
            ping_interval=None,
            open_timeout=_PATIENCE,
        )
        return self._ask(begun)

    def give(self, name: str, data: bytes) -> Answer:
        """Upload one file in place of all before, and wait for what the page says to it."""
        begun = time.perf_counter()
        request = BackMsg()
        request.file_urls_request.request_id = "upload"
        request.file_urls_request.session_id = self._session
        request.file_urls_request.file_names.append(name)
        self._socket.send(request.SerializeToString())
        while (message := self._next()).WhichOneof("type") != "file_urls_response":
            pass
        (place,) = message.file_urls_response.file_urls
        self._put(place.upload_url, name, data)
        state = WidgetState(id=self._uploader)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(data), file_id=place.file_id, file_urls=place
        )
        self._widgets[self._uploader] = state
        return self._ask(begun)

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self._address + path, timeout=_PATIENCE) as answer:
            return bytes(answer.read())

    def _put(self, path: str, name: str, data: bytes) -> None:
        edge = "----a-file-ends-here"
        quoted = name.replace('"', "%22")
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{quoted}"; filename="{quoted}"\r\n\r\n'
        request = urllib.request.Request(
            self._address + path,
            data=head.encode() + data + f"\r\n--{edge}--\r\n".encode(),
            method="PUT",
            headers={
                "Content-Type": f"multipart/form-data; boundary={edge}",
                "X-Xsrftoken": self._token,
                "Cookie": f"{_COOKIE}={self._token}",
            },
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE):
            pass

    def _request(self, fragment: str = "") -> None:
        request = BackMsg()
        state = request.rerun_script
        state.query_string = self._query
        state.page_script_hash = self._script
        state.page_name = "" if self._script else self._page
        state.fragment_id = fragment
        state.is_auto_rerun = bool(fragment)
        state.widget_states.widgets.extend(self._widgets.values())
        self._socket.send(request.SerializeToString())

    def _ask(self, begun: float) -> Answer:
        """Have the page run, and read to the end of that run."""
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
                    answer.seen = time.perf_counter() - begun
            elif kind == "script_finished" and message.script_finished in (
                ForwardMsg.FINISHED_SUCCESSFULLY,
                ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
            ):
                answer.seconds = time.perf_counter() - begun
                answer.seen = answer.seen or answer.seconds
                return answer

    def _next(self) -> ForwardMsg:
        """Read a message; what is to be renewed every few seconds is asked for in time, as a browser does."""
        limit = time.monotonic() + _PATIENCE
        while True:
            due = min((due for _, due in self._ticks.values()), default=limit)
            try:
                message = ForwardMsg.FromString(self._socket.recv(max(0.0, min(due, limit) - time.monotonic())))
            except TimeoutError:
                if time.monotonic() > limit:
                    raise
                for fragment, (interval, due) in self._ticks.items():
                    if time.monotonic() >= due:
                        self._ticks[fragment] = (interval, time.monotonic() + interval)
                        self._request(fragment)
                continue
            self._note(message)
            return message

    def _note(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session = message.new_session.initialize.session_id
        elif kind == "navigation":
            self._script = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            interval = message.auto_rerun.interval
            self._ticks[message.auto_rerun.fragment_id] = (interval, time.monotonic() + interval)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._ticks.pop(fragment, None)
