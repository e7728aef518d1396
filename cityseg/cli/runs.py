"""``cityseg runs``: list, show, stop, rename, annotate and delete runs, and manage the queue."""

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

runs_app = typer.Typer(help="List, show, stop, rename, annotate, delete and queue runs.")


@runs_app.command("list")
def runs_list(
    tag: Annotated[str | None, typer.Option(help="List only runs with this tag.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="List archived runs too.")] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """List runs, newest first, without archived ones."""
    with suppress(CitysegError):  # a read-only folder can still be listed
        api.advance_queue(runs)
    listing = api.list_all(runs, shipped=False)
    results = [
        result
        for result in listing.results
        if (archived or not result.notes.archived) and (tag is None or tag in result.notes.tags)
    ]
    rows = []
    for result in results:
        scores = [figure(result.score(split, "f1")) for split in ("val", "test")]
        tags = ", ".join([*result.notes.tags, *(["archived"] if result.notes.archived else [])])
        rows.append((result.id, result.state, f"{result.epochs_done}/{result.config.epochs}", *scores, tags))
    lines = table(("id", "state", "epochs", "val F1", "test F1", "tags"), rows)
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
def runs_delete(run: list[str], runs: Runs = None, as_json: Json = False) -> None:
    """Delete runs that have ended or wait in the queue, or scores on other data (MODEL@DATASET)."""
    for each in run:
        api.delete(each, runs)
    print_result(as_json, {"deleted": run}, [f"{each} is deleted" for each in run])


@runs_app.command("rename")
def runs_rename(run: str, name: str, runs: Runs = None, as_json: Json = False) -> None:
    """Rename a run that has ended, and its folder."""
    new = api.rename(run, name, runs)
    print_result(as_json, {"id": new}, [f"{run} is now {new}"])


@runs_app.command("annotate")
def runs_annotate(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs or shipped models.")],
    tag: Annotated[list[str] | None, typer.Option(help="Add a tag, any number of times.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Remove a tag, any number of times.")] = None,
    note: Annotated[str | None, typer.Option(help="Replace the note.")] = None,
    archive: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Hide from lists, or show again.")
    ] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Tag results, write a note about them, archive them."""
    api.annotate(run, add=tag or (), remove=untag or (), note=note, archived=archive, runs=runs)
    results = [api.find_result(each, runs) for each in run]
    lines = [f"{result.id}: {', '.join(result.notes.tags) or 'no tags'}" for result in results]
    print_result(as_json, [{"id": result.id, **asdict(result.notes)} for result in results], lines)


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
