"""Verbs about models: evaluate, predict, clip, export, models, average, publish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cityseg import api
from cityseg.analysis.prediction import object_counts
from cityseg.api.types import Fit, Split, parse_scales
from cityseg.classes import CLASS_NAMES
from cityseg.cli.common import (
    Data,
    Json,
    Onnx,
    Runs,
    Scales,
    bar,
    figure,
    nested,
    print_result,
    result_lines,
    size_of,
    split_bar,
    table,
)
from cityseg.errors import UsageError


def evaluate(
    model: str,
    data: Data = None,
    split: Annotated[Split, typer.Option("--split", help="Which frames to score.")] = "val",
    size: Annotated[
        str | None,
        typer.Option("--size", help="Where scores are counted: HxW or 'native'. [default: the model's size]"),
    ] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Also look at the mirrored frames, and average.")] = False,
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
            size="native" if size == "native" else size_of(size),
            flip=flip,
            scales=parse_scales(scales),
            runs=runs,
            on_progress=progress,
        )
    print_result(as_json, scores, _score_lines(scores))


def _model_and_rest(words: list[str], onnx: Path | None, wanted: str) -> tuple[str | None, list[str]]:
    model, rest = (None, words) if onnx else (words[0], words[1:])
    if not rest:
        raise UsageError(f"expected MODEL and {wanted}, found {words[0]!r} alone")
    return model, rest


def predict(
    words: Annotated[list[str], typer.Argument(metavar="MODEL PHOTO...")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    fit: Annotated[Fit, typer.Option("--fit", help="How a photo is brought to the model's size.")] = "stretch",
    flip: Annotated[bool, typer.Option("--flip", help="Also look at the mirrored photo, and average.")] = False,
    scales: Scales = "1",
    unknown: Annotated[
        float,
        typer.Option(
            "--unknown",
            metavar="CONFIDENCE",
            help="Below this confidence, 0 to 0.99, a pixel is unknown: grey, and 0 among the label ids.",
        ),
    ] = 0.0,
    onnx: Onnx = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Write label ids, colours, overlay and class shares of photos at their own size."""
    model, names = _model_and_rest(words, onnx, "at least one photo")
    photos = [Path(name) for name in names]
    with bar("predicting") as progress:
        results = api.predict_photos(
            model,
            photos,
            out,
            fit=fit,
            flip=flip,
            scales=parse_scales(scales),
            unknown=unknown,
            onnx=onnx,
            runs=runs,
            on_progress=progress,
        )
    print_result(as_json, results, (line for result in results for line in _photo_lines(result)))


def clip(
    words: Annotated[list[str], typer.Argument(metavar="MODEL CLIP")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    fit: Annotated[Fit, typer.Option("--fit", help="How a frame is brought to the model's size.")] = "stretch",
    flip: Annotated[bool, typer.Option("--flip", help="Also look at the mirrored frame, and average.")] = False,
    onnx: Onnx = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Write an overlay film of CLIP (a film, a GIF or a folder of photos) and a table of its frames."""
    model, clips = _model_and_rest(words, onnx, "a clip")
    if len(clips) > 1:
        raise UsageError(f"expected one clip, found {len(clips)}: {', '.join(clips)}")
    with bar("predicting") as progress:
        result = api.predict_clip(
            model,
            Path(clips[0]),
            out,
            fit=fit,
            flip=flip,
            onnx=onnx,
            runs=runs,
            on_progress=lambda done, total: progress(done, total or 0),
        )
    lines = [
        f"{result.frames} frames at {result.rate:g} a second: {result.film}, {result.table}",
        ", ".join(f"{name} {share:.1%}" for name, share in list(result.shares.items())[:5]),
    ]
    if result.missing:
        lines.append(f"the clip ends early: its head promises {result.frames + result.missing} frames")
    print_result(as_json, {**asdict(result), "film": str(result.film), "table": str(result.table)}, lines)


def export(
    model: str,
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    format: Annotated[api.Format, typer.Option("--format", help="Kind of file.")] = "onnx",
    data: Data = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Write MODEL as a file for other programs, and compare both on frames of the data."""
    with bar("comparing") as progress:
        result = api.export(model, out, data, format=format, runs=runs, on_progress=progress)
    sizes = f"sides that are multiples of {result['divisor']}" if result["divisor"] else "its own size alone"
    line = (
        f"{result['path']}: {result['bytes'] / 1e6:.1f} MB, takes {sizes}; the same class as {model} on "
        f"{result['equal']:.4%} of the pixels of {result['frames']} frames"
    )
    print_result(as_json, result, [line])


def list_models(as_json: Json = False) -> None:
    """List the shipped models."""
    infos = api.models()
    rows = [
        (
            info.name,
            f"{info.parameters:,}",
            f"{info.image_size[0]}x{info.image_size[1]}",
            figure(nested(info.scores, "test", "macro", "f1")),
            info.trained_on,
        )
        for info in infos
    ]
    print_result(
        as_json, [asdict(info) for info in infos], table(("name", "parameters", "size", "test F1", "trained on"), rows)
    )


def average(
    models: Annotated[list[str], typer.Argument(metavar="MODEL MODEL...")],
    data: Data = None,
    name: Annotated[str, typer.Option("--name", help="Id of the new run. [default: MODEL-mean]")] = "",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Make a run of the mean of several models' weights and score it; for models trained on from the same weights.

    What its parts scored on other frames, labels or sizes is left out beside it.
    """
    with split_bar("scoring") as progress:
        result = api.average(models, data, name=name, runs=runs, on_progress=progress)
    parts = [api.find_result(model, runs) for model in models]
    rows = [
        (one.id, *(_comparable(one, result, split, metric) for split in ("val", "test") for metric in ("f1", "iou")))
        for one in (*parts, result)
    ]
    heads = ("model", "macro F1, val", "mean IoU, val", "macro F1, test", "mean IoU, test")
    print_result(as_json, result.as_dict(), table(heads, rows))


def publish(
    run: str,
    data: Data = None,
    name: Annotated[str, typer.Option("--name", help="Folder in checkpoints/. [default: the run's id]")] = "",
    trained_on: Annotated[str, typer.Option("--trained-on", help="Words that name the data.")] = "",
    terms: Annotated[str, typer.Option("--terms", help="Sentence on the licence of the data.")] = "",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Make a finished run a shipped model: bfloat16 weights, scores measured from them, and a model card."""
    with split_bar("measuring") as progress:
        result = api.publish(run, data, name=name, trained_on=trained_on, terms=terms, runs=runs, on_progress=progress)
    print_result(as_json, result.as_dict(), result_lines(result))


def _comparable(one: api.Result, other: api.Result, split: str, metric: str) -> str:
    """Write a macro score, or a dash where the two were not scored on the same truth at the same size."""
    same = all(nested(one.scores, split, key) == nested(other.scores, split, key) for key in ("fingerprint", "size"))
    return figure(one.score(split, metric) if same else None)


def _photo_lines(result: dict[str, Any]) -> Iterable[str]:
    shares = ", ".join(f"{name} {share:.1%}" for name, share in list(result["shares"].items())[:5])
    yield f"{result['photo']}: {shares} ({result['milliseconds']:.0f} ms)"
    if result["objects"]:
        yield f"  about {object_counts.words(result['objects'])}; objects that touch count as one"
    if result["unknown_below"]:
        yield f"  {result['unknown']:.1%} unknown, below a confidence of {result['unknown_below']:g}"
    if result["familiarity"]:
        yield f"  {result['familiarity']['sentence']}"


def _score_lines(scores: dict[str, Any]) -> Iterable[str]:
    names = ("precision", "recall", "f1", "dice", "iou")
    boundary, instance, calibration = scores["boundary"], scores["instance_iou"], scores["calibration"]
    extra = ["boundary", *(["iIoU"] if instance else []), "calibration error"]

    def row(name: str, values: dict[str, Any], key: str) -> tuple[str, ...]:
        """Show one class, or the macro mean of all."""
        inner = "per_class" if key in CLASS_NAMES else None
        others = (boundary, instance) if instance else (boundary,)
        beside = [found[inner][key] if inner else found["macro"] for found in others]
        error = calibration["per_class"][key] if inner else calibration["error"]
        return (name, *(figure(values[metric]) for metric in names), *map(figure, (*beside, error)))

    rows = [row(name, values, name) for name, values in scores["per_class"].items()]
    rows.append(row("macro", scores["macro"], "macro"))
    rows.append(("weighted", *(figure(scores["weighted"][metric]) for metric in names), *("" for _ in extra)))
    yield from table((f"{scores['split']}, {scores['frames']} frames", *names, *extra), rows)
    if not scores["plain"]:
        yield f"figures of {_looks(scores)}; those that are kept for the model are of its plain look"
    others = (("pixel accuracy", "pixel_accuracy"), ("samples Dice", "samples_dice"), ("category IoU", "category_iou"))
    yield ", ".join(f"{words} {figure(scores[key])}" for words, key in others)
    if scores["ignite_iou"] != scores["macro"]["iou"]:
        yield (
            f"ignite's mIoU {figure(scores['ignite_iou'])}: it counts the classes as 0 that occur in neither truth nor "
            "prediction; the macro IoU, like the official one, leaves them out"
        )
    speed = scores["speed"]
    yield (
        f"one photo at a time: {speed['frames_per_second']:.1f} frames/s at {speed['size'][0]}x{speed['size'][1]} on "
        f"{speed['device']}; boundary IoU within {boundary['distance']} pixels of contours"
    )


def _looks(scores: dict[str, Any]) -> str:
    scales = [f"{scale:g}" for scale in scores["scales"]]
    several = len(scales) > 1
    mirrored = (", each mirrored too" if several else ", mirrored too") if scores["flip"] else ""
    mean = "the mean logits" if several or scores["flip"] else "the logits"
    return f"{mean} at {'scales' if several else 'scale'} {', '.join(scales)}{mirrored}"
