"""``cityseg runs``: list, show, stop and delete runs, and manage the queue."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api
from cityseg.cli.common import counted, figure, print_damaged, print_result, result_lines, table
from cityseg.cli.options import Json, Runs
from cityseg.errors import CitysegError, UsageError

runs_app = typer.Typer(help="List, show, stop, delete and queue runs.")


@runs_app.command("list")
def runs_list(runs: Runs = None, as_json: Json = False) -> None:
    """List runs, newest first."""
    with suppress(CitysegError):  # a read-only folder can still be listed
        api.advance_queue(runs)
    listing = api.list_all(runs, shipped=False)
    results = listing.results
    rows = []
    for result in results:
        scores = [figure(result.score(split, "f1")) for split in ("val", "test")]
        rows.append((result.id, result.state, f"{result.epochs_done}/{result.config.epochs}", *scores))
    lines = table(("id", "state", "epochs", "val F1", "test F1"), rows)
    print_result(as_json, [result.as_dict() for result in results], lines)
    print_damaged(listing)


@runs_app.command("show")
def runs_show(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Show one run (or shipped model): settings, scores and history."""
    result = api.find_result(run, runs)
    print_result(as_json, {**result.as_dict(), "history": result.run.history()}, result_lines(result))


@runs_app.command("stop")
def runs_stop(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Ask a running training to finish its step, write a checkpoint and exit."""
    api.stop(run, runs)
    print_result(as_json, {"id": run, "stopping": True}, [f"{run} is stopping"])


@runs_app.command("delete")
def runs_delete(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Delete a run that has ended or waits in the queue."""
    api.delete(run, runs)
    print_result(as_json, {"id": run, "deleted": True}, [f"{run} is deleted"])


@runs_app.command("queue")
def runs_queue(runs: Runs = None, as_json: Json = False) -> None:
    """Show the slots and the running, starting and waiting runs."""
    api.advance_queue(runs)
    _print_queue(runs, as_json)


@runs_app.command("move")
def runs_move(run: str, position: int, runs: Runs = None, as_json: Json = False) -> None:
    """Move a waiting run to POSITION; 1 starts next."""
    api.move_in_queue(run, position, runs)
    _print_queue(runs, as_json)


@runs_app.command("withdraw")
def runs_withdraw(
    run: Annotated[list[str] | None, typer.Argument()] = None,
    every: Annotated[bool, typer.Option("--all", help="Remove every waiting run.")] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Remove waiting runs from the queue; they are then stopped and can be resumed or deleted."""
    if bool(run) == every:
        raise UsageError("expected the runs to remove from the queue, or --all")
    withdrawn = list(api.find_queue(runs).waiting) if every else list(run or ())
    api.withdraw(withdrawn, runs)
    print_result(as_json, {"withdrawn": withdrawn}, [f"{run_id} is removed from the queue" for run_id in withdrawn])


@runs_app.command("slots")
def runs_slots(slots: int, runs: Runs = None, as_json: Json = False) -> None:
    """Set how many trainings run at once."""
    api.set_slots(slots, runs)
    _print_queue(runs, as_json)


def _print_queue(runs: Path | None, as_json: bool) -> None:
    queue = api.find_queue(runs)
    rows = [("–", run_id, "running") for run_id in queue.running]
    rows += [("–", run_id, "starting") for run_id in queue.starting]
    rows += [(str(place), run_id, "waiting") for place, run_id in enumerate(queue.waiting, 1)]
    taken = len(queue.running) + len(queue.starting)
    words = f"{counted(queue.slots, 'slot')}, {taken} taken, {len(queue.waiting)} waiting"
    print_result(as_json, asdict(queue), [words, *(table(("position", "id", "state"), rows) if rows else ())])
