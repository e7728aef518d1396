"""Serving the demo; no file of a visitor is left behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from cityseg.addresses import check_free
from cityseg.api.types import stop_signals
from cityseg.demo.cleanup import deleting_old_files
from cityseg.demo.page import CSS, build, theme
from cityseg.demo.prediction_service import PredictionService, find_models, render_examples
from cityseg.errors import UsageError

PORT = 7860
EXAMPLES = 4
"""Synthetic scenes offered to visitors without a photo."""
MAX_EXAMPLES = 12
MAX_FILE_SIZE = "100mb"
_SWITCHED_OFF = ("share", "inbrowser", "show_error", "ssr_mode", "mcp_server", "run_history", "enable_monitoring")


class _OwnHostOnly:
    """Middleware that forbids browsers to load anything from other hosts, whatever gradio's page requests."""

    _POLICY = (
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; base-uri 'self'; "
        b"object-src 'none'"
    )

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", self._POLICY)]
            await send(message)

        await self.app(scope, receive, send_with_policy)


@contextmanager
def running(
    names: Sequence[str] = (),
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    examples: int = EXAMPLES,
    runs: Path | None = None,
) -> Iterator[str]:
    """Serve the demo inside the block and yield its address; afterwards all files of visitors are deleted.

    Args:
        names: MODELs to offer, see ``find_models``; the first one is chosen initially.
        host: name or address to bind; ``0.0.0.0`` binds all addresses of this machine.
        port: to listen on.
        examples: number of synthetic scenes, up to ``MAX_EXAMPLES``.
        runs: folder of runs.

    Raises:
        UsageError: an unknown model, a port in use, a host that is not this machine, or too many examples.
        CheckpointError: a damaged model.
    """
    if not 0 <= examples <= MAX_EXAMPLES:
        raise UsageError(f"expected 0 to {MAX_EXAMPLES} examples, found {examples}")
    service = PredictionService(partial(find_models, names, runs))
    service.predictor(service.models[0].id)
    check_free(host, port)
    with tempfile.TemporaryDirectory(prefix="cityseg-demo-", ignore_cleanup_errors=True) as folder:
        before, os.environ["GRADIO_TEMP_DIR"] = os.environ.get("GRADIO_TEMP_DIR"), folder
        switched_off: dict[str, Any] = dict.fromkeys(_SWITCHED_OFF, False)
        page = build(service, render_examples(Path(folder), examples))
        try:
            page.launch(
                server_name=host,
                server_port=port,
                prevent_thread_lock=True,
                quiet=True,
                max_file_size=MAX_FILE_SIZE,
                footer_links=["api"],
                app_kwargs={"middleware": [Middleware(_OwnHostOnly)]},
                theme=theme(),
                css=CSS,
                **switched_off,
            )
            with deleting_old_files(Path(folder)):
                yield f"http://{host}:{port}"
        finally:
            page.close(verbose=False)
            del os.environ["GRADIO_TEMP_DIR"]
            if before is not None:
                os.environ["GRADIO_TEMP_DIR"] = before


def serve(names: Sequence[str] = (), *, on_start: Callable[[str], None] = lambda _: None, **options: Any) -> None:
    """Serve the demo as ``running`` does, until SIGTERM or Ctrl-C; ``on_start`` gets the address once it responds."""
    received: list[str] = []
    with stop_signals(received.append), running(names, **options) as address:
        on_start(address)
        while not received:
            time.sleep(0.2)
