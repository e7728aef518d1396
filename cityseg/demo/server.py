"""Serving the demo: to whom, for how long, and what is left behind."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from cityseg.api.types import stop_signals
from cityseg.demo.page import CSS, build, theme
from cityseg.demo.prediction_service import Looker, draw_examples, usable_models
from cityseg.errors import UsageError

PORT = 7860
EXAMPLES = 4
"""Streets that are drawn for visitors without a photo."""
MOST_EXAMPLES = 12
LARGEST_FILE = "100mb"


class _OwnHostOnly:
    """Tells browsers to ask no other host for anything, whatever a library's page would like to load."""

    _POLICY = (
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; base-uri 'self'; "
        b"object-src 'none'"
    )

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", self._POLICY)]
            await send(message)

        await self.app(scope, receive, answer)


@contextmanager
def running(
    names: Sequence[str] = (),
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    examples: int = EXAMPLES,
    runs: Path | None = None,
) -> Iterator[str]:
    """Serve the demo inside the block and give its address; afterwards no file of a visitor is left.

    Args:
        names: MODELs to offer, see ``usable_models``; the first one is chosen on arrival.
        host: name or address to listen at; ``0.0.0.0`` is every one this machine has.
        port: to listen at.
        examples: streets to draw, up to ``MOST_EXAMPLES``.
        runs: folder of runs.

    Raises:
        UsageError: an unknown model, a port that is taken, a host that this machine is not, or too many examples.
        CheckpointError: a damaged model.
    """
    if not 0 <= examples <= MOST_EXAMPLES:
        raise UsageError(f"expected 0 to {MOST_EXAMPLES} examples, found {examples}")
    looker = Looker(partial(usable_models, names, runs))
    looker.predictor(looker.models[0].id)
    _check_free(host, port)
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="cityseg-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = build(looker, draw_examples(Path(folder), examples))
        try:
            page.launch(
                server_name=host,
                server_port=port,
                share=False,
                inbrowser=False,
                prevent_thread_lock=True,
                quiet=True,
                show_error=False,
                max_file_size=LARGEST_FILE,
                ssr_mode=False,
                mcp_server=False,
                run_history=False,
                enable_monitoring=False,
                footer_links=["api"],
                app_kwargs={"middleware": [Middleware(_OwnHostOnly)]},
                theme=theme(),
                css=CSS,
            )
            yield f"http://{host}:{port}"
        finally:
            page.close(verbose=False)
            if before is None:
                del os.environ["GRADIO_TEMP_DIR"]
            else:
                os.environ["GRADIO_TEMP_DIR"] = before


def serve(
    names: Sequence[str] = (),
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    examples: int = EXAMPLES,
    runs: Path | None = None,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve the demo until the process is asked to stop (SIGTERM, Ctrl-C); see ``running``.

    Args:
        on_start: called with the address as soon as it answers.
    """
    heard: list[str] = []
    with stop_signals(heard.append), running(names, host=host, port=port, examples=examples, runs=runs) as address:
        if on_start:
            on_start(address)
        while not heard:
            time.sleep(0.2)


def _check_free(host: str, port: int) -> None:
    if not 1 <= port <= 65535:
        raise UsageError(f"expected a port from 1 to 65535, found {port}")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise UsageError(
            f"{host}:{port}: expected an address of this machine and a free port, found {error.strerror or error}; "
            "choose others with --host and --port"
        ) from None
