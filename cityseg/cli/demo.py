"""``cityseg demo``: serve the Gradio demo until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from cityseg.cli.common import print_result
from cityseg.cli.options import Json, Runs


def demo(
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="MODEL to offer, repeatable.", show_default="shipped models, finished runs"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 7860,
    examples: Annotated[int, typer.Option(help="Number of synthetic example photos.")] = 4,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Serve a page that segments photos, and `/predict` for programs; Ctrl-C ends it."""
    # Importing gradio takes seconds, which other verbs should not wait for.
    from cityseg.demo import serve

    def started(address: str) -> None:
        print_result(as_json, {"address": address}, [f"The demo is at {address}; Ctrl-C ends it."])

    serve(models or (), host=host, port=port, examples=examples, runs=runs, on_start=started)
