"""``cityseg flips``: what the second of two results fixes and breaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from cityseg import api
from cityseg.analysis.comparison.flips import FLIP_NAMES, FlipShares
from cityseg.api.results.flips import Flips
from cityseg.api.types import Split
from cityseg.cli.common import Json, Runs, percent, print_result, split_bar, table

_SHOWN = 10
"""Frames that are printed at each end of the order."""


def flips(
    first: Annotated[str, typer.Argument(metavar="A", help="A run, a shipped model or a folder.")],
    second: Annotated[str, typer.Argument(metavar="B", help="What is compared with A.")],
    split: Annotated[Split, typer.Option("--split", help="Which frames both were scored on.")] = "test",
    frame: Annotated[str | None, typer.Option("--frame", help="Only this frame.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Predict the frames of this dataset, to tell fixed from broken pixels.")
    ] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """List the frames that B breaks and fixes most, from stored matrices; with --data count the pixels that flip."""
    with split_bar("predicting") as progress:
        found = api.flips(first, second, split, frame=frame, data=data, runs=runs, on_progress=progress)
    print_result(as_json, found.as_dict(), _lines(found))


def _lines(found: Flips) -> Iterable[str]:
    if found.obstacles:
        yield f"Differences of right pixels are withheld: {' and '.join(found.obstacles)}."
    if found.frames is not None:
        yield "net: pixels fixed minus pixels broken, at the size of the evaluation"
        yield from _frames(found)
    if found.shares is not None:
        yield f"{found.shares.pixels:,} labelled pixels at the labels' own size: {_words(found.shares)}"


def _frames(found: Flips) -> Iterable[str]:
    assert found.frames is not None
    order = found.frames.net.argsort(kind="stable").tolist()
    rows = [
        (
            found.names[index],
            f"{found.frames.net[index]:+,}",
            f"{found.frames.share[index]:+.2%}",
            f"{found.frames.first[index]:,}",
            f"{found.frames.second[index]:,}",
        )
        for index in order
    ]
    if len(rows) > 2 * _SHOWN:
        rows = [*rows[:_SHOWN], ("...", "", "", "", ""), *rows[-_SHOWN:]]
    return table(("frame, most broken first", "net", "share", f"right: {found.first}", f"right: {found.second}"), rows)


def _words(shares: FlipShares) -> str:
    values = (shares.fixed, shares.broken, shares.both_wrong, shares.both_right)
    return ", ".join(f"{name} {percent(value)}" for name, value in zip(FLIP_NAMES, values, strict=True))
