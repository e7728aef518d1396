"""``cityseg compare``: differences of several results from a baseline, their significance, and where they arise."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

import typer

from cityseg import api
from cityseg.analysis import tables
from cityseg.analysis.comparison import published, verdicts
from cityseg.analysis.tables import Cell, Format, Table, signed
from cityseg.api import Comparison, PairComparison
from cityseg.api.types import Metric
from cityseg.classes import CLASS_NAMES
from cityseg.cli.common import figure, print_result, table
from cityseg.cli.options import Json, Runs, SplitOption
from cityseg.errors import UsageError


def compare(
    results: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Runs, shipped models or folders.")],
    split: SplitOption = "test",
    metric: Annotated[Metric, typer.Option(help="Score of the classes and their contributions.")] = "iou",
    baseline: Annotated[
        str | None, typer.Option(help="Result that the others are compared with.", show_default="the first")
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Print only the table of classes, in this format.")
    ] = None,
    first_study: Annotated[
        bool, typer.Option("--published", help="Show the paper's published figures beside the results.")
    ] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Compare results with a baseline: differences with 95 % intervals, verdicts, and each class's contribution."""
    if form is not None and as_json:
        raise UsageError("expected --format or --json, found both; choose one")
    found = api.compare(results, split, metric=metric, baseline=baseline, runs=runs)
    if form is not None:
        print(tables.write(class_table(found, first_study), form), end="")
        return
    document = found.as_dict()
    if first_study:
        document["published"] = {
            one.name: {
                "note": published.NOTE,
                "macro": one.mean(metric),
                "per_class": {name: one.score(name, metric) for name in CLASS_NAMES},
            }
            for one in published.TABLES
        }
    print_result(as_json, document, _lines(found, first_study))


def class_table(found: Comparison, first_study: bool = False) -> Table:
    """Return a row per class with each result's score, then each difference with its interval and verdict."""
    columns: dict[str, list[Cell]] = {"class": [*CLASS_NAMES, "macro mean"]}
    for name, result in found.results.items():
        classes = result.scores.get(found.split, {}).get("per_class", {})
        scores = [classes.get(class_name, {}).get(found.metric) for class_name in CLASS_NAMES]
        columns[name] = [*scores, result.score(found.split, found.metric)]
    differences: set[str] = set()
    for name, pair in found.pairs.items():
        if pair.obstacles:
            continue
        estimates = [*pair.differences.classes(found.metric).values(), pair.differences.macro(found.metric)]
        title = f"{name} − {found.baseline}"
        parts: dict[str, list[Cell]] = {
            title: [estimate.difference for estimate in estimates],
            f"{title}, low": [estimate.low for estimate in estimates],
            f"{title}, high": [estimate.high for estimate in estimates],
        }
        differences |= parts.keys()
        columns |= parts
        columns[f"{name}, verdict"] = [estimate.verdict for estimate in estimates]
    for one in published.TABLES if first_study else ():
        scores = [one.score(name, found.metric) for name in CLASS_NAMES]
        columns[f"{one.name} ({published.NOTE})"] = [*scores, one.mean(found.metric)]
    return Table(tuple(columns), tuple(zip(*columns.values(), strict=True)), frozenset(differences))


def _lines(found: Comparison, first_study: bool) -> Iterable[str]:
    results = found.results.values()
    rows = [
        (
            verdicts.SCORE_NAMES[f"{average} {metric}"],
            *(figure(result.score(found.split, metric, average)) for result in results),
        )
        for average in ("macro", "weighted")
        for metric in ("precision", "recall", "f1", "iou")
    ]
    for key in ("samples_dice", "pixel_accuracy"):
        values = (figure(result.scores.get(found.split, {}).get(key)) for result in results)
        rows.append((verdicts.SCORE_NAMES[key.replace("_", " ")], *values))
    starred = [f"* {name}" if name == found.baseline else name for name in found.results]
    yield from table((found.split, *starred), rows)
    yield "* the baseline"
    if differing := found.settings():
        yield ""
        rows = [(key, *("–" if value is None else str(value) for value in row)) for key, row in differing.items()]
        yield from table(("settings that differ", *starred), rows)
    for name, pair in found.pairs.items():
        yield ""
        yield from _pair_lines(found, name, pair)
    if first_study:
        yield ""
        rows = [(name, *(figure(one.score(name, found.metric)) for one in published.TABLES)) for name in CLASS_NAMES]
        rows.append(("macro mean", *(figure(one.mean(found.metric)) for one in published.TABLES)))
        yield from table((f"{found.metric}, {published.NOTE}", *(one.name for one in published.TABLES)), rows)
        yield "The paper's own figures, on other frames: not comparable with the results above."


def _pair_lines(found: Comparison, name: str, pair: PairComparison) -> Iterable[str]:
    if pair.obstacles:
        yield f"{name} is not comparable with {found.baseline}: {', '.join(pair.obstacles)}."
        return
    yield verdicts.macro_sentence(found.baseline, name, pair.differences, found.metric)
    classes = pair.differences.classes(found.metric)
    yield verdicts.tally_sentence(found.baseline, name, verdicts.tally(classes))
    parts = pair.contributions(found.metric)
    rows = [
        (
            class_name,
            _score(estimate.first),
            _score(estimate.second),
            tables.ABSENT if math.isnan(estimate.difference) else signed(estimate.difference),
            verdicts.interval(estimate),
            verdicts.LABELS[estimate.verdict],
            f"{contribution:+.4f}".replace("-", "−"),
            verdicts.reason(estimate) if estimate.verdict != "can't tell" or math.isnan(estimate.low) else "",
        )
        for (class_name, estimate), contribution in zip(classes.items(), parts.classes, strict=True)
    ]
    yield from table((found.metric, found.baseline, name, "difference", "95 % interval", "verdict", "adds", ""), rows)
    yield f"adds: contribution of the class to the macro score, which goes from {parts.start:.4f} to {parts.end:.4f}"


def _score(value: float) -> str:
    return tables.ABSENT if math.isnan(value) else f"{value:.3f}"
