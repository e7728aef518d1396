"""``cityseg runs``: list, show, stop and delete runs."""

from __future__ import annotations

import typer

from cityseg import api
from cityseg.cli.common import Json, Runs, figure, print_result, result_lines, table

runs_app = typer.Typer(help="List, show, stop and delete runs.")


@runs_app.command("list")
def runs_list(runs: Runs = None, as_json: Json = False) -> None:
    """List runs, newest first."""
    results = api.list_results(runs, shipped=False)
    rows = [
        (
            result.id,
            result.state,
            f"{result.epochs_done}/{result.config.epochs}",
            figure(result.score("val", "f1")),
            figure(result.score("test", "f1")),
        )
        for result in results
    ]
    print_result(
        as_json, [result.as_dict() for result in results], table(("id", "state", "epochs", "val F1", "test F1"), rows)
    )


@runs_app.command("show")
def runs_show(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Show one run (or shipped model): settings, scores and history."""
    result = api.find_result(run, runs)
    print_result(as_json, {**result.as_dict(), "history": result.run.history()}, result_lines(result))


@runs_app.command("stop")
def runs_stop(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Ask a running training to finish its step, keep a checkpoint and leave."""
    api.stop(run, runs)
    print_result(as_json, {"id": run, "stopping": True}, [f"{run} is stopping"])


@runs_app.command("delete")
def runs_delete(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Remove an ended run for good."""
    api.delete(run, runs)
    print_result(as_json, {"id": run, "deleted": True}, [f"{run} is deleted"])
