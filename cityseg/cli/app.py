"""``cityseg app``: the studio, until it is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from typing import Annotated, TextIO

import typer

from cityseg.addresses import check_free, first_free
from cityseg.cli.options import Data, Json, Runs
from cityseg.errors import UsageError
from cityseg.studio_files import studio_root

_PORT = 8501


def app(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port to listen at.", show_default=f"the first free one from {_PORT}")
    ] = None,
    data: Data = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Open the studio in the browser; Ctrl-C ends it.

    Its runs/ and data/ lie in the current folder, unless CITYSEG_RUNS, CITYSEG_DATA or CITYSEG_CACHE name others.
    Further options go to Streamlit, for example --server.headless true.
    """
    # Streamlit takes a second to load, which no other verb should wait for.
    import click
    from streamlit.web.cli import main as streamlit

    if port is None:
        port = first_free(host, _PORT)
    check_free(host, port)
    os.environ |= {name: str(value) for name, value in (("CITYSEG_DATA", data), ("CITYSEG_RUNS", runs)) if value}
    options = ["--server.address", host, "--server.port", str(port), *context.args]
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr if as_json else out):
        if as_json:
            threading.Thread(target=_announce, args=(host, port, out), daemon=True).start()
        try:
            streamlit(["run", str(studio_root() / "app.py"), *options], prog_name="streamlit", standalone_mode=False)
        except click.ClickException as error:
            raise UsageError(error.format_message()) from None


def _announce(host: str, port: int, out: TextIO) -> None:
    """Print the address as JSON as soon as the server accepts connections."""
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            break
        time.sleep(0.1)
    print(json.dumps({"address": f"http://{host}:{port}"}), file=out, flush=True)
