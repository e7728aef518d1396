"""``cityseg flips``: pixels that the second of two results fixes and breaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from cityseg import api
from cityseg.analysis.comparison.flips import FLIP_NAMES, FrameFlips
from cityseg.api.results.flips import Flips
from cityseg.cli.common import percent, print_result, split_bar, table
from cityseg.cli.options import Json, Runs, SplitOption

_SHOWN = 10
"""Frames printed at each end of the order."""


def flips(
    first: Annotated[str, typer.Argument(metavar="A", help="A run, a shipped model or a folder.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The result compared with A.")],
    split: SplitOption = "test",
    frame: Annotated[str | None, typer.Option(help="Only this frame.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Predict the frames of this dataset, to count fixed and broken pixels.")
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
        yield f"{found.first} and {found.second} are not comparable: {' and '.join(found.obstacles)}."
    if found.frames is not None:
        yield "net: pixels fixed minus pixels broken, at the evaluation size"
        yield from _frames(found, found.frames)
    if shares := found.shares:
        cases = zip(FLIP_NAMES, (shares.fixed, shares.broken, shares.both_wrong, shares.both_right), strict=True)
        text = ", ".join(f"{name} {percent(value)}" for name, value in cases)
        yield f"{shares.pixels:,} labelled pixels at the labels' own size: {text}"


def _frames(found: Flips, flips: FrameFlips) -> Iterable[str]:
    rows = [
        (found.names[i], f"{flips.net[i]:+,}", f"{flips.share[i]:+.2%}", f"{flips.first[i]:,}", f"{flips.second[i]:,}")
        for i in flips.net.argsort(kind="stable").tolist()
    ]
    if len(rows) > 2 * _SHOWN:
        rows = [*rows[:_SHOWN], ("...", "", "", "", ""), *rows[-_SHOWN:]]
    return table(
        ("frame, most broken first", "net", "share", f"correct: {found.first}", f"correct: {found.second}"), rows
    )
