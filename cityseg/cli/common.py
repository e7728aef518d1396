"""Shared by the verbs: progress bars on stderr, and output as JSON or text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from cityseg import api, config
from cityseg.api.types import TrainingProgress, keep_freed_memory


class Bars:
    """Progress bars on stderr, one at a time: data preparation, then steps or rounds. A context manager."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._title = ""

    def show(self, title: str, done: int, total: int, unit: str) -> tqdm[Any]:
        """Update and return the bar with a title; a bar with another title is closed."""
        if self._bar is None or self._title != title:
            self.close()
            self._bar, self._title = tqdm(total=total, desc=title, unit=unit, file=sys.stderr), title
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        return self._bar

    def data(self, done: int, total: int) -> None:
        """Show the number of prepared frames."""
        self.show("preparing", done, total, "frame")

    def step(self, progress: TrainingProgress) -> None:
        """Show the number of optimiser steps, with loss, frames per second and time left."""
        bar = self.show("training", progress.step, progress.steps, "step")
        bar.set_postfix_str(
            f"epoch {progress.epoch}/{progress.epochs}, loss {progress.loss:.3f}, "
            f"{progress.frames_per_second:.1f} frames/s, {progress.seconds_left:.0f} s left"
        )

    def frames(self, phase: str, done: int, total: int) -> None:
        """Show the progress of a phase that goes through frames."""
        self.show(phase, done, total, "frame")

    def phase(self, title: str, done: int, total: int) -> None:
        """Show the progress of a phase of a preflight check: prepared frames, or steps."""
        self.show(title, done, total, "frame" if title == "preparing" else "step")

    def round(self, done: int, total: int) -> None:
        """Show the number of measured rounds."""
        self.show("measuring", done, total, "round")

    def close(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def bar(title: str) -> Any:
    """Yield a callback (frames done, frames in all) that updates a progress bar on stderr."""
    with Bars() as bars:
        yield lambda done, total: bars.show(title, done, total, "frame")


@contextmanager
def split_bar(title: str) -> Any:
    """Like ``bar``, for verbs that predict whole splits: the process also keeps freed memory.

    Every batch allocates and frees the same activations, and page faults on fresh memory take nearly as long as the
    network. The app's process does not keep freed memory, to stay small.
    """
    keep_freed_memory()
    with bar(title) as progress:
        yield progress


def size_of(text: str | None) -> tuple[int, int] | None:
    """Parse an optional ``HxW``; raises UsageError for anything else."""
    return config.parse_size(text) if text else None


def print_result(as_json: bool, document: Any, lines: Iterable[str]) -> None:
    """Print one JSON document or plain lines."""
    if as_json:
        print(json.dumps(document, allow_nan=False, default=str), flush=True)
    else:
        for line in lines:
            print(line, flush=True)


def print_damaged(listing: api.Listing) -> None:
    """Name the runs and models that cannot be read, with the reasons, on stderr."""
    for one in listing.damaged:
        print(f"{one.id} is left out: {one.reason}", file=sys.stderr, flush=True)


def figure(value: float | None) -> str:
    """Format a score with three decimals, None as a dash."""
    return "–" if value is None else f"{value:.3f}"


def nested(values: Any, *keys: str) -> Any:
    """Return ``values[key][key]...``, or None if a level is missing."""
    for key in keys:
        values = values.get(key) if values else None
    return values


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Return the lines of a table with aligned columns."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in (header, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def counted(number: int, noun: str) -> str:
    """Format a number with its noun in singular or plural."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def percent(share: float | None) -> str:
    """Format a share in per cent, None as a dash."""
    return "–" if share is None else f"{share:.2%}"


def result_lines(result: api.Result) -> Iterable[str]:
    """Return the status lines of a run or shipped model: state, epochs, scores."""
    error = f", {result.error}" if result.error else ""
    yield f"{result.id}: {result.state}, {result.epochs_done} of {result.config.epochs} epochs{error}"
    yield from (f"{split}: {macro_scores(scores)}" for split, scores in result.scores.items())


def macro_scores(scores: dict[str, Any]) -> str:
    """Format macro F1 and mean IoU."""
    return f"macro F1 {figure(scores['macro']['f1'])}, mean IoU {figure(scores['macro']['iou'])}"
