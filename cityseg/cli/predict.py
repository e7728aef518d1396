"""``cityseg predict`` and ``cityseg clip``: predictions on photos and videos."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from cityseg import api
from cityseg.analysis.prediction import object_counts
from cityseg.api.types import parse_scales
from cityseg.cli.common import bar, print_result
from cityseg.cli.options import FitOption, Flip, Json, Onnx, Out, Runs, Scales
from cityseg.errors import UsageError


def predict(
    words: Annotated[list[str], typer.Argument(metavar="MODEL PHOTO...")],
    out: Out,
    fit: FitOption = "stretch",
    flip: Flip = False,
    scales: Scales = "1",
    unknown: Annotated[
        float,
        typer.Option(
            metavar="CONFIDENCE",
            help="Rejection threshold, 0 to 0.99: pixels below it are unknown, grey, and 0 among the label ids.",
        ),
    ] = 0.0,
    onnx: Onnx = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Write label ids, colours, overlay and class shares of photos at their own size."""
    model, names = _model_and_rest(words, onnx, "at least one photo")
    options: dict[str, Any] = {"fit": fit, "flip": flip, "scales": parse_scales(scales), "unknown": unknown}
    with bar("predicting") as progress:
        photos = [_path(name, "a photo") for name in names]
        results = api.predict_photos(model, photos, out, **options, onnx=onnx, runs=runs, on_progress=progress)
    print_result(as_json, results, (line for result in results for line in _photo_lines(result)))


def clip(
    words: Annotated[list[str], typer.Argument(metavar="MODEL CLIP")],
    out: Out,
    fit: FitOption = "stretch",
    flip: Flip = False,
    onnx: Onnx = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Write an overlay video of CLIP (a video, a GIF or a folder of photos) and a table of its frames."""
    model, clips = _model_and_rest(words, onnx, "a clip")
    if len(clips) > 1:
        raise UsageError(f"expected one clip, found {len(clips)}: {', '.join(clips)}")
    with bar("predicting") as progress:
        on_progress = lambda done, total: progress(done, total or 0)  # noqa: E731
        result = api.predict_video(
            model, _path(clips[0], "a clip"), out, fit=fit, flip=flip, onnx=onnx, runs=runs, on_progress=on_progress
        )
    lines = [
        *result.remarks,
        f"{result.frames} frames at {result.rate:g} a second: {result.video}, {result.table}",
        ", ".join(f"{name} {share:.1%}" for name, share in list(result.shares.items())[:5]),
    ]
    if result.missing:
        lines.append(f"the clip ends early: its header promises {result.frames + result.missing} frames")
    print_result(as_json, result.as_dict(), lines)


def _path(text: str, what: str) -> Path:
    """Return a path that exists as it is written, else what it means, see ``api.given_path``."""
    with contextlib.suppress(OSError, ValueError):
        if Path(text).exists():
            return Path(text)
    return api.given_path(text, what)


def _model_and_rest(words: list[str], onnx: Path | None, wanted: str) -> tuple[str | None, list[str]]:
    model, rest = (None, words) if onnx else (words[0], words[1:])
    if not rest:
        raise UsageError(f"expected MODEL and {wanted}, found {words[0]!r} alone")
    return model, rest


def _photo_lines(result: dict[str, Any]) -> Iterable[str]:
    shares = ", ".join(f"{name} {share:.1%}" for name, share in list(result["shares"].items())[:5])
    yield f"{result['photo']}: {shares} ({result['milliseconds']:.0f} ms)"
    if result["objects"]:
        yield f"  about {object_counts.describe(result['objects'])}; objects that touch count as one"
    if result["unknown_below"]:
        yield f"  {result['unknown']:.1%} unknown, below a confidence of {result['unknown_below']:g}"
    if result["familiarity"]:
        yield f"  {result['familiarity']['sentence']}"
