"""``cityseg evaluate`` and ``measure``: scores of models on a split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cityseg import api
from cityseg.api.types import parse_scales
from cityseg.classes import CLASS_NAMES
from cityseg.cli.common import figure, macro_scores, print_result, size_of, split_bar, table
from cityseg.cli.options import Data, Flip, Json, Runs, Scales, SplitOption

_METRICS = ("precision", "recall", "f1", "dice", "iou")
_OTHERS = (("pixel accuracy", "pixel_accuracy"), ("samples Dice", "samples_dice"), ("category IoU", "category_iou"))


def evaluate(
    model: str,
    data: Data = None,
    split: SplitOption = "val",
    size: Annotated[
        str, typer.Option(help="Size to score at: 'native' (each label's own), 'network' (the model's) or HxW.")
    ] = "native",
    flip: Flip = False,
    scales: Scales = "1",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Score MODEL (a run, a shipped model or a folder) on a split."""
    with split_bar("evaluating") as progress:
        scores = api.evaluate(
            model,
            data,
            split,
            size=None if size == "native" else size if size == "network" else size_of(size),
            flip=flip,
            scales=parse_scales(scales),
            runs=runs,
            on_progress=progress,
        )
    print_result(as_json, scores, _lines(scores))


def measure(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Runs, shipped models or folders.")],
    data: Data = None,
    split: SplitOption = "val",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Score models on a split and keep the results, as MODEL@DATASET, for `compare`, `inspect` and the app."""
    with split_bar("measuring") as progress:
        ids = api.measure_recorded(models, data, split, runs=runs, on_progress=progress)
    results = [api.find_result(each, runs) for each in ids]
    lines = [f"{result.id}: {macro_scores(result.scores[split])}" for result in results]
    print_result(as_json, [result.as_dict() for result in results], lines)


def _lines(scores: dict[str, Any]) -> Iterable[str]:
    boundary, instance, calibration = scores["boundary"], scores["instance_iou"], scores["calibration"]
    extra = {"boundary": boundary, **({"iIoU": instance} if instance else {})}

    def row(name: str, values: dict[str, Any], others: Iterable[float | None]) -> tuple[str, ...]:
        return (name, *(figure(values[metric]) for metric in _METRICS), *map(figure, others))

    columns = (*extra.values(), calibration)
    rows = [
        row(name, scores["per_class"][name], [found["per_class"][name] for found in columns]) for name in CLASS_NAMES
    ]
    rows.append(row("macro", scores["macro"], [*(found["macro"] for found in extra.values()), calibration["error"]]))
    rows.append((*row("weighted", scores["weighted"], ()), *("" for _ in extra), ""))
    yield from table((f"{scores['split']}, {scores['frames']} frames", *_METRICS, *extra, "calibration error"), rows)
    if not scores["plain"]:
        yield f"with {_augmentation(scores)}; the scores stored with the model are without test-time augmentation"
    yield ", ".join(f"{words} {figure(scores[key])}" for words, key in _OTHERS)
    if scores["ignite_iou"] != scores["macro"]["iou"]:
        yield (
            f"ignite's mIoU {figure(scores['ignite_iou'])}: it counts classes in neither ground truth nor prediction "
            "as 0; the macro IoU, like the official one, leaves them out"
        )
    speed = scores["speed"]
    yield (
        f"one photo at a time: {speed['frames_per_second']:.1f} frames/s at {speed['size'][0]}x{speed['size'][1]} on "
        f"{speed['device']}; boundary IoU within {_distance(boundary['distance'])} pixels of contours"
    )


def _augmentation(scores: dict[str, Any]) -> str:
    scales = [f"{scale:g}" for scale in scores["scales"]]
    flip = " and flip TTA" if scores["flip"] else ""
    return f"scale{'s' if len(scales) > 1 else ''} {', '.join(scales)}{flip}"


def _distance(pixels: int | list[int]) -> str:
    """Return the distance in pixels, or its range over labels of several sizes."""
    return f"{pixels[0]} to {pixels[-1]}" if isinstance(pixels, list) else str(pixels)
