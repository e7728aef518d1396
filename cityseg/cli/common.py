"""What the verbs share: options, progress bars on stderr, and results as JSON or as lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from cityseg import api, config
from cityseg.api.types import TrainingProgress, keep_freed_memory

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="Folder with leftImg8bit/ and gtFine/, with their zips, or with dataset.json; or 'synthetic'. "
        "[default: $CITYSEG_DATA, data/cityscapes]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Onnx = Annotated[Path | None, typer.Option("--onnx", help="A file made by `cityseg export`, in place of MODEL.")]
Runs = Annotated[Path | None, typer.Option("--runs", help="Folder of runs. [default: $CITYSEG_RUNS, runs]")]
Scales = Annotated[
    str,
    typer.Option(
        "--scales",
        metavar="S,S...",
        help="Look at these multiples of the model's size, for example 0.75,1,1.25, and average; with --flip each "
        "mirrored too.",
    ),
]
Size = Annotated[str | None, typer.Option("--size", help="Height x width in pixels, for example 128x256.")]


class Bars:
    """One bar for preparing data, then one for the steps."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._what = ""

    def show(self, what: str, done: int, total: int, unit: str) -> tqdm[Any]:
        """Move the bar called ``what``, after putting any other one away; return it."""
        if self._bar is None or self._what != what:
            self.close()
            self._bar, self._what = tqdm(total=total, desc=what, unit=unit, file=sys.stderr), what
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        return self._bar

    def data(self, done: int, total: int) -> None:
        """Show frames prepared so far."""
        self.show("preparing", done, total, "frame")

    def step(self, progress: TrainingProgress) -> None:
        """Show optimiser steps done so far, with loss, pace and time left."""
        bar = self.show("training", progress.step, progress.steps, "step")
        bar.set_postfix_str(
            f"epoch {progress.epoch}/{progress.epochs}, loss {progress.loss:.3f}, "
            f"{progress.frames_per_second:.1f} frames/s, {progress.seconds_left:.0f} s left"
        )

    def round(self, done: int, total: int) -> None:
        """Show rounds of a measurement done so far."""
        self.show("measuring", done, total, "round")

    def close(self) -> None:
        """Put the bar away."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def bar(what: str) -> Any:
    """Give a callback of (frames done, frames in all) that moves a bar on stderr."""
    bars = Bars()
    try:
        yield lambda done, total: bars.show(what, done, total, "frame")
    finally:
        bars.close()


@contextmanager
def split_bar(what: str) -> Any:
    """Give what ``bar`` does, for a verb that predicts whole splits: its process keeps the memory that it frees.

    Every batch takes and frees the same activations, and pages that fault in anew each time take nearly as long as the
    network itself. The process of the app, which has other work and is to stay small, does not keep them.
    """
    keep_freed_memory()
    with bar(what) as progress:
        yield progress


def size_of(text: str | None) -> tuple[int, int] | None:
    """Read an optional ``HxW``; raises UsageError for anything else."""
    return config.parse_size(text) if text else None


def print_result(as_json: bool, document: Any, lines: Iterable[str]) -> None:
    """Print one JSON document or plain lines."""
    if as_json:
        print(json.dumps(document, allow_nan=False, default=str), flush=True)
    else:
        for line in lines:
            print(line, flush=True)


def figure(value: float | None) -> str:
    """Write a score with three decimals, or a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def nested(values: Any, *keys: str) -> Any:
    """Look up ``values[key][key]...``, None where a level is missing."""
    for key in keys:
        values = values.get(key) if values else None
    return values


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Return the lines of a table with aligned columns."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    align: Callable[[tuple[str, ...]], str] = lambda row: "  ".join(  # noqa: E731
        cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    ).rstrip()
    return [align(header), *(align(row) for row in rows)]


def counted(number: int, noun: str) -> str:
    """Write a number with its noun in the singular or plural."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def percent(share: float | None) -> str:
    """Write a share in per cent, or a dash where there is none."""
    return "–" if share is None else f"{share:.2%}"


def result_lines(result: api.Result) -> Iterable[str]:
    """Say how a run or shipped model stands: state, epochs, scores."""
    yield f"{result.id}: {result.state}, {result.epochs_done} of {result.config.epochs} epochs" + (
        f", {result.error}" if result.error else ""
    )
    for split, scores in result.scores.items():
        yield f"{split}: macro F1 {figure(scores['macro']['f1'])}, mean IoU {figure(scores['macro']['iou'])}"
