"""``cityseg inspect``, ``pixel`` and ``audit``: error analysis of a result."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from cityseg import api
from cityseg.analysis.errors.label_audit import VERDICTS, Verdict
from cityseg.analysis.errors.ranking_metric import PREDICTED_AS
from cityseg.analysis.errors.slices import Kind
from cityseg.cli.common import bar, figure, macro_scores, percent, print_result, split_bar, table
from cityseg.cli.options import Data, Json, Runs, SplitOption, given
from cityseg.errors import UsageError
from cityseg.text import quoted, whole_number


def inspect(
    model: str,
    data: Data = None,
    split: SplitOption = "val",
    by: Annotated[
        str, typer.Option(help='Ranking metric: "mean IoU", "recall of person", "rider predicted as person".')
    ] = "macro F1",
    slice_by: Annotated[Kind | None, typer.Option("--slice", help="Score slices of the split; reads the data.")] = None,
    part: Annotated[
        str | None, typer.Option(help='With --slice: the frames of one slice alone, such as "darkest third".')
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of frames and of confusions.")] = 20,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """List the worst frames, the confusions and the slices of MODEL (a run or a shipped model)."""
    with bar("reading") as progress:
        report = api.inspect(
            model, split, by, slice_by=slice_by, part=part, spec=data, limit=limit, runs=runs, on_progress=progress
        )
    print_result(as_json, report, _inspect_lines(report))


def pixel(
    frame: Annotated[str, typer.Argument(help="Name of the frame.")],
    place: Annotated[str, typer.Argument(help="ROW,COLUMN in the stored frame, from 0 at the top left.")],
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Runs, shipped models or folders.")],
    data: Data = None,
    split: SplitOption = "val",
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Print the label of a pixel, its five most probable classes by each MODEL, and how reliable they are."""
    row, column = (whole_number(word.strip()) for word in (*place.split(",", 1), "")[:2])
    if row is None or column is None:
        raise UsageError(f"expected a pixel as ROW,COLUMN, for example 120,300, found {quoted(place)}")
    report = api.inspect_pixel(models, split, frame, row, column, spec=data, runs=runs)
    print_result(as_json, report, _pixel_lines(report))


def audit(
    model: str,
    data: Data = None,
    split: SplitOption = "val",
    confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Minimum mean probability of a region.")
    ] = api.AUDIT_CONFIDENCE,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of regions.")] = 20,
    verdict: Annotated[
        list[str] | None,
        typer.Option(help='Judge a region by its number: 3="label wrong", "model wrong", "unsure", or "none".'),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=given("a folder for the regions", folder=True),
            metavar="FOLDER",
            help="Also write all regions into this folder: a table, and a picture of each.",
        ),
    ] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """List regions where a confident MODEL and the label disagree, store verdicts, and score without wrong labels."""
    with split_bar("auditing") as progress:
        found = api.audit_labels(model, data, split, runs=runs, on_progress=progress)
    for number, judged in [_judged(text, len(found.found)) for text in verdict or []]:
        api.set_verdict(found, found.found[number - 1], judged)
    verdicts = api.read_verdicts(found)
    if out is not None:
        with bar("exporting") as progress:
            api.export_audit(found, data, verdicts, out, confidence=confidence, on_progress=progress)
    report = api.audit_report(found, verdicts, confidence=confidence, limit=limit)
    print_result(as_json, report, _audit_lines(report))


def _judged(text: str, regions: int) -> tuple[int, Verdict | None]:
    left, _, words = text.partition("=")
    number = whole_number(left)
    if number is None or not 1 <= number <= regions or words not in (*VERDICTS, "none"):
        raise UsageError(
            f"--verdict: expected NUMBER=VERDICT with a number from 1 to {regions} and one of "
            f"{', '.join(VERDICTS)}, none; found {quoted(text)}"
        )
    return number, None if words == "none" else cast("Verdict", words)


def _inspect_lines(report: dict[str, Any]) -> Iterable[str]:
    unit, write = ("pixels", "{:.0f}".format) if PREDICTED_AS in report["by"] else ("score", figure)
    worst = [(f"{number}", frame["frame"], write(frame["value"])) for number, frame in enumerate(report["frames"], 1)]
    yield from table((f"{report['by']}, worst first", "frame", unit), worst)
    yield ""
    confused = [
        (pair["label"], pair["predicted"], percent(pair["share"]), f"{pair['pixels']:,}")
        for pair in report["confusions"]
    ]
    yield from table(("ground truth", "predicted as", "share", "pixels"), confused)
    if not report["slices"]:
        return
    yield ""
    rows = []
    for part in report["slices"]:
        interval = "{:.3f} to {:.3f}".format(*part["interval"]) if part["interval"] else part["no_interval"]
        rows.append((part["name"], str(part["frames"]), figure(part["score"]), interval))
    yield from table((report["slice_by"], "frames", report["slice_score"], "95 % interval"), rows)


def _pixel_lines(report: dict[str, Any]) -> Iterable[str]:
    yield f"label: {report['label'] or 'not scored'}"
    for prediction in report["models"]:
        top = ", ".join(f"{each['class']} {percent(each['probability'])}" for each in prediction["top"])
        yield f"{prediction['model']}: {top}"
        first = prediction["when_it_says"]
        if first["is"]:
            shares = ", ".join(f"{name} {percent(share)}" for name, share in list(first["is"].items())[:4])
            yield f"  pixels predicted as {first['class']} on {first['split']} are {shares}"


def _audit_lines(report: dict[str, Any]) -> Iterable[str]:
    rows = []
    for region in report["regions"]:
        share, confidence = percent(region["share_of_frame"]), percent(region["confidence"])
        place = (str(region["number"]), region["frame"], region["label"], region["predicted"])
        rows.append((*place, share, confidence, region["verdict"] or "–"))
    yield from table(("number", "frame", "label", "prediction", "of frame", "confidence", "verdict"), rows)
    yield f"{report['regions_in_all']} regions of at least {percent(report['confidence'])} mean confidence"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report["verdicts"].items())
    yield f"verdicts: {counts}; stored in {report['verdict_file']}"
    for words, key in (("as labelled", "honest"), ("without wrong labels", "without_wrong_labels")):
        yield f"{words}: {macro_scores(report[key])}, pixel accuracy {figure(report[key]['pixel_accuracy'])}"
