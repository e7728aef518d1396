"""``cityseg compare``: which of several results is better, by how much, how surely, and where."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

import typer

from cityseg import api
from cityseg.analysis import tables
from cityseg.analysis.comparison import published, verdicts
from cityseg.analysis.comparison.comparability import Metric
from cityseg.analysis.tables import Cell, Format, Table, signed
from cityseg.api.results.compare import Contest, Contests
from cityseg.api.types import Split
from cityseg.classes import CLASS_NAMES
from cityseg.cli.common import Json, Runs, figure, print_result, table
from cityseg.errors import UsageError


def compare(
    results: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Runs, shipped models or folders.")],
    split: Annotated[Split, typer.Option("--split", help="Which frames they were scored on.")] = "test",
    metric: Annotated[Metric, typer.Option("--metric", help="Score of the classes and of the bridge.")] = "iou",
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Result that the others are compared with. [default: the first]")
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Print only the table of classes, in this format.")
    ] = None,
    first_study: Annotated[
        bool, typer.Option("--published", help="Put the first study's published figures beside the results.")
    ] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Compare results with a baseline: differences with 95 % intervals, verdicts, and what each class adds."""
    if form is not None and as_json:
        raise UsageError("expected --format or --json, found both; choose one")
    found = api.compare(results, split, metric=metric, baseline=baseline, runs=runs)
    if form is not None:
        print(tables.write(class_table(found, first_study), form), end="")
        return
    document = found.as_dict()
    if first_study:
        document["published"] = {
            one.name: {"note": published.NOTE, "macro": one.mean(metric), "per_class": _published(one, metric)}
            for one in published.TABLES
        }
    print_result(as_json, document, _lines(found, first_study))


def class_table(found: Contests, first_study: bool = False) -> Table:
    """Return the classes with each result's score, then each difference with its interval and verdict."""
    columns: dict[str, list[Cell]] = {"class": [*CLASS_NAMES, "macro mean"]}
    for name, result in found.results.items():
        summary = result.scores.get(found.split, {})
        values = [summary.get("per_class", {}).get(class_name, {}).get(found.metric) for class_name in CLASS_NAMES]
        columns[name] = [*values, summary.get("macro", {}).get(found.metric)]
    changes = []
    for contest in found.contests:
        if contest.certainty is None:
            continue
        estimates = [*contest.certainty.classes(found.metric).values(), contest.certainty.macro(found.metric)]
        change = f"{contest.name} − {found.baseline}"
        parts: dict[str, list[Cell]] = {
            change: [estimate.difference for estimate in estimates],
            f"{change}, low": [estimate.low for estimate in estimates],
            f"{change}, high": [estimate.high for estimate in estimates],
        }
        changes += list(parts)
        columns |= parts
        columns[f"{contest.name}, verdict"] = [estimate.verdict for estimate in estimates]
    if first_study:
        for one in published.TABLES:
            values = [one.score(name, found.metric) for name in CLASS_NAMES]
            columns[f"{one.name} ({published.NOTE})"] = [*values, one.mean(found.metric)]
    return Table(tuple(columns), tuple(zip(*columns.values(), strict=True)), frozenset(changes))


def _published(one: published.Published, metric: str) -> dict[str, float | None]:
    return {name: one.score(name, metric) for name in CLASS_NAMES}


def _lines(found: Contests, first_study: bool) -> Iterable[str]:
    columns = list(found.results)
    rows = []
    for average in ("macro", "weighted"):
        for metric in ("precision", "recall", "f1", "iou"):
            values = [result.score(found.split, metric, average) for result in found.results.values()]
            rows.append((verdicts.SCORE_NAMES[f"{average} {metric}"], *map(figure, values)))
    for words, key in (("samples Dice", "samples_dice"), ("pixel accuracy", "pixel_accuracy")):
        values = [result.scores.get(found.split, {}).get(key) for result in found.results.values()]
        rows.append((words, *map(figure, values)))
    starred = [f"* {name}" if name == found.baseline else name for name in columns]
    yield from table((found.split, *starred), rows)
    yield "* the baseline"
    differing = found.settings()
    if differing:
        yield ""
        rows = [(key, *("–" if value is None else str(value) for value in row)) for key, row in differing.items()]
        yield from table(("settings that differ", *starred), rows)
    for contest in found.contests:
        yield ""
        yield from _contest_lines(found, contest)
    if first_study:
        yield ""
        yield from _published_lines(found.metric)


def _contest_lines(found: Contests, contest: Contest) -> Iterable[str]:
    if contest.certainty is None or contest.bridge is None:
        yield f"{contest.name} is not subtracted from {found.baseline}: {', '.join(contest.obstacles)}."
        return
    yield verdicts.certainty_words(found.baseline, contest.name, contest.certainty, found.metric)
    classes = contest.certainty.classes(found.metric)
    yield verdicts.tally_words(found.baseline, contest.name, verdicts.tally(classes))
    rows = [
        (
            name,
            _score(estimate.first),
            _score(estimate.second),
            tables.ABSENT if math.isnan(estimate.difference) else signed(estimate.difference),
            verdicts.interval(estimate),
            estimate.verdict,
            f"{contest.bridge.classes[train_id]:+.4f}".replace("-", "−"),
            verdicts.reason(estimate) if estimate.verdict != "can't tell" or math.isnan(estimate.low) else "",
        )
        for train_id, (name, estimate) in enumerate(classes.items())
    ]
    header = (found.metric, found.baseline, contest.name, "difference", "95 % interval", "verdict", "adds", "")
    yield from table(header, rows)
    yield (
        f"adds: what the class adds to the macro score, which goes from {contest.bridge.start:.4f} "
        f"to {contest.bridge.end:.4f}"
    )


def _published_lines(metric: str) -> Iterable[str]:
    rows = [(name, *(figure(one.score(name, metric)) for one in published.TABLES)) for name in CLASS_NAMES]
    rows.append(("macro mean", *(figure(one.mean(metric)) for one in published.TABLES)))
    yield from table((f"{metric}, {published.NOTE}", *(one.name for one in published.TABLES)), rows)
    yield "The first study's own figures, on other frames: not to be subtracted from the results above."


def _score(value: float) -> str:
    return tables.ABSENT if math.isnan(value) else f"{value:.3f}"
