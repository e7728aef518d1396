"""``cityseg robustness``: robustness of a model to image corruptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from cityseg import api
from cityseg.cli.common import figure, percent, print_result, split_bar, table
from cityseg.cli.options import Data, Json, Runs, SplitOption


def robustness(
    model: str, data: Data = None, split: SplitOption = "val", runs: Runs = None, as_json: Json = False
) -> None:
    """Score MODEL under image corruptions of light, colour, sharpness, lens and tilt, and without any."""
    with split_bar("predicting") as progress:
        found = api.measure_robustness(model, data, split, runs=runs, on_progress=progress)
    print_result(as_json, {**asdict(found), "mean_f1": found.mean_f1, "retained": found.retained}, _lines(found))


def _lines(found: api.Robustness) -> Iterable[str]:
    yield (
        f"{found.model} on {found.frames} frames of {found.split}: macro F1 {figure(found.plain.f1[0])} uncorrupted, "
        f"{figure(found.mean_f1)} on average over {len(found.changed)} corruptions ({percent(found.retained)} of it)"
    )
    rows = []
    for each in (found.plain, *found.changed):
        score, low, high = each.f1
        interval = "too few frames" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        rows.append((each.name or "none", each.words, figure(score), interval, figure(each.iou[0])))
    yield from table(("corruption", "description", "macro F1", "95 % interval", "mean IoU"), rows)
