"""``cityseg data map`` and ``cityseg data duplicates``: the frames of a dataset as a model's encoder sees them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from cityseg import api
from cityseg.api.types import FeatureMap, keep_freed_memory
from cityseg.cli.common import Bars, counted, print_result, table
from cityseg.cli.options import Data, Json, Runs

Model = Annotated[str | None, typer.Option(help="MODEL whose encoder is used.", show_default="the best one")]


def data_map(
    data: Data = None,
    model: Model = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table of all frames to this file.")] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Lay out all frames by what a model's encoder sees, and list the outliers; stored for the Dataset page."""
    model = model or api.default_map_model(data, runs)
    report = {"model": model, **api.map_report(_computed(model, data, runs), csv)}
    print_result(as_json, report, _map_lines(report))


def data_duplicates(
    data: Data = None,
    model: Model = None,
    threshold: Annotated[float, typer.Option(min=0.5, max=1.0, help="Least similarity of a pair, a cosine.")] = 0.95,
    limit: Annotated[int, typer.Option(min=1, help="Most pairs to list.")] = 50,
    across: Annotated[bool, typer.Option("--across-splits", help="Only pairs of different splits.")] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """List near duplicates: pairs of frames that a model's encoder can hardly tell apart, most similar first."""
    model = model or api.default_map_model(data, runs)
    found = _computed(model, data, runs)
    report = {"model": model, **api.duplicates_report(found, threshold, limit, across=across)}
    print_result(as_json, report, _pair_lines(report))


def _computed(model: str, data: str | None, runs: Path | None) -> FeatureMap:
    keep_freed_memory()  # as for other passes over a split, see ``split_bar``
    with Bars() as bars:
        return api.feature_map(model, data, runs, bars.frames)


def _map_lines(report: dict[str, Any]) -> Iterable[str]:
    yield f"{counted(report['frames'], 'frame')}, {report['channels']} features each, of {report['model']}"
    yield "outliers, by the distance to the 10th nearest frame:"
    rows = [
        (one["frame"], one["split"], f"{one['outlier_distance']:.3f}", one["nearest"] or "–")
        for one in report["outliers"]
    ]
    yield from table(("frame", "split", "distance", "nearest frame"), rows)


def _pair_lines(report: dict[str, Any]) -> Iterable[str]:
    found = f"{counted(report['total'], 'pair')} with a similarity of at least {report['threshold']:g}"
    yield f"{found}, as {report['model']} sees them"
    if not report["pairs"]:
        return
    rows = [
        (
            f"{pair['similarity']:.3f}",
            f"{pair['first']} ({pair['first_split']})",
            f"{pair['second']} ({pair['second_split']})",
            pair["relation"],
            "leak" if pair["leak"] else "",
        )
        for pair in report["pairs"]
    ]
    yield from table(("similarity", "frame", "frame", "names", ""), rows)
