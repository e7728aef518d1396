"""``cityseg robustness``: how a model bears other cameras."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer

from cityseg import api
from cityseg.api.types import Split
from cityseg.cli.common import Data, Json, Runs, figure, percent, print_result, split_bar, table


def robustness(
    model: str,
    data: Data = None,
    split: Annotated[Split, typer.Option("--split", help="Which frames to change and score.")] = "val",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Score MODEL on a split as it is and as other cameras would show it: light, colour, sharpness, lens, tilt."""
    with split_bar("predicting") as progress:
        found = api.measure_robustness(model, data, split, runs=runs, on_progress=progress)
    print_result(as_json, {**asdict(found), "mean_f1": found.mean_f1, "retained": found.retained}, _lines(found))


def _interval(score: tuple[float, float | None, float | None]) -> str:
    _, low, high = score
    return "too few frames to tell" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _lines(found: api.Robustness) -> Iterable[str]:
    yield (
        f"{found.model} on {found.frames} frames of {found.split}: macro F1 {figure(found.plain.f1[0])} as they are, "
        f"{figure(found.mean_f1)} on average over {len(found.changed)} changes ({percent(found.retained)} of it)"
    )
    yield from table(
        ("change", "what is done", "macro F1", "95 % interval", "mean IoU"),
        [
            (
                each.name or "none",
                each.words,
                figure(each.f1[0]),
                _interval(each.f1),
                figure(each.iou[0]),
            )
            for each in (found.plain, *found.changed)
        ],
    )
