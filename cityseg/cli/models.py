"""Commands about models: models, export, average, publish."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api
from cityseg.cli.common import bar, figure, nested, print_damaged, print_result, result_lines, split_bar, table
from cityseg.cli.options import Data, Json, Runs, given


def list_models(as_json: Json = False) -> None:
    """List the shipped models."""
    infos = api.list_models()
    header = ("name", "parameters", "size", "test F1", "trained on")
    rows = []
    for info in infos:
        size, score = "{}x{}".format(*info.image_size), figure(nested(info.scores, "test", "macro", "f1"))
        rows.append((info.name, f"{info.parameters:,}", size, score, info.trained_on))
    print_result(as_json, [asdict(info) for info in infos], table(header, rows))
    print_damaged(api.list_all())


def export(
    model: str,
    out: Annotated[Path, typer.Option(parser=given("a file to write"), metavar="FILE", help="File to write.")],
    format: Annotated[api.Format, typer.Option(help="File format.")] = "onnx",
    data: Data = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Export MODEL to a file, and compare both on frames of the data."""
    with bar("comparing") as progress:
        result = api.export(model, out, data, format=format, runs=runs, on_progress=progress)
    sizes = f"sides that are multiples of {result['divisor']}" if result["divisor"] else "its own size alone"
    line = (
        f"{result['path']}: {result['bytes'] / 1e6:.1f} MB, takes {sizes}; the same class as {model} on "
        f"{result['equal']:.4%} of the pixels of {result['frames']} frames"
    )
    print_result(as_json, result, [line])


def average(
    models: Annotated[list[str], typer.Argument(metavar="MODEL MODEL...")],
    data: Data = None,
    name: Annotated[str, typer.Option(help="Id of the new run.", show_default="MODEL-mean")] = "",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Average the weights of models fine-tuned from the same weights into a new run, and score it.

    Scores of the models on other frames, labels or sizes are not comparable and left out of the table.
    """
    with split_bar("scoring") as progress:
        result = api.average(models, data, name=name, runs=runs, on_progress=progress)
    rows = [
        (one.id, *(_comparable(one, result, split, metric) for split in ("val", "test") for metric in ("f1", "iou")))
        for one in (*(api.find_result(model, runs) for model in models), result)
    ]
    header = ("model", "macro F1, val", "mean IoU, val", "macro F1, test", "mean IoU, test")
    print_result(as_json, result.as_dict(), table(header, rows))


def publish(
    run: str,
    data: Data = None,
    name: Annotated[str, typer.Option(help="Folder in checkpoints/.", show_default="the run's id")] = "",
    trained_on: Annotated[str, typer.Option(help="Name of the training data.")] = "",
    terms: Annotated[str, typer.Option(help="Sentence on the licence of the data.")] = "",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Publish a finished run as a shipped model: bfloat16 weights, scores measured from them, and a model card."""
    with split_bar("measuring") as progress:
        result = api.publish(run, data, name=name, trained_on=trained_on, terms=terms, runs=runs, on_progress=progress)
    print_result(as_json, result.as_dict(), result_lines(result))


def _comparable(one: api.Result, other: api.Result, split: str, metric: str) -> str:
    """Write a macro score, or a dash if the two were scored on other ground truth or at another size."""
    same = all(nested(one.scores, split, key) == nested(other.scores, split, key) for key in ("fingerprint", "size"))
    return figure(one.score(split, metric) if same else None)
