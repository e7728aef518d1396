"""``cityseg data``: prepare, describe, verify, tag and synthesize datasets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from cityseg import api, config
from cityseg.api.types import DAYTIMES, SPLITS, WEATHERS, CachedSplit, Daytime, Split, Weather, default_data
from cityseg.cli.common import bar, counted, percent, print_result, size_of, table
from cityseg.cli.options import Data, Json, Size, given
from cityseg.errors import UsageError
from cityseg.text import quoted

data_app = typer.Typer(help="Prepare, describe, verify, tag and synthesize datasets.")


@data_app.command("prepare")
def data_prepare(
    data: Data = None,
    size: Size = "128x256",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out unusable frames, and record them, instead of failing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decode every split once at one size and cache it."""
    with bar("preparing") as progress:
        prepared = api.prepare_recorded(data, size_of(size) or (128, 256), progress, skip_bad)
    document = {
        split: {
            "frames": len(cached),
            "fingerprint": cached.meta.fingerprint,
            "folder": str(cached.folder),
            "skipped": list(cached.meta.skipped),
            "warnings": list(cached.meta.warnings),
        }
        for split, cached in prepared.items()
    }
    notes = [f"note: {note}" for note in api.connect(data).notes]
    print_result(as_json, document, [*notes, *_prepared_lines(prepared)])


@data_app.command("stats")
def data_stats(
    data: Data = None,
    size: Annotated[
        str, typer.Option(help="Size of the counted frames: HxW, or 'native' for that of the first frame.")
    ] = "128x256",
    as_json: Json = False,
) -> None:
    """Show statistics of every split: classes (rarest first), objects, brightness and cities."""
    counted_at = api.data_info(data).native_size if size == "native" else config.parse_size(size)
    with bar("counting") as progress:
        report = api.stats_report(data, counted_at, progress)
    print_result(as_json, report, _stats_lines(report))


@data_app.command("verify")
def data_verify(data: Data = None, as_json: Json = False) -> None:
    """Decode every file and list all problems; the exit code is 1 if there are any."""
    with bar("verifying") as progress:
        verification = api.verify(data, progress)
    document = {
        "data": data or default_data(),
        "frames": verification.frames,
        "problems": [asdict(problem) for problem in verification.problems],
        "notes": list(verification.notes),
    }
    print_result(as_json, document, _problem_lines(verification))
    if verification.problems:
        raise typer.Exit(1)


@data_app.command("synthesize")
def data_synthesize(
    dest: Annotated[Path, typer.Argument(parser=given("a folder for the dataset"), metavar="DEST")],
    frames: Annotated[int, typer.Option(help="Number of frames.")] = 160,
    seed: Annotated[int, typer.Option(help="The same seed gives the same frames.")] = 0,
    size: Size = "256x512",
    weather: Annotated[str, typer.Option(help=f"One of {', '.join(WEATHERS)}, mixed.")] = "mixed",
    light: Annotated[str, typer.Option(help=f"One of {', '.join(DAYTIMES)}, mixed.")] = "mixed",
    as_json: Json = False,
) -> None:
    """Render a synthetic dataset into DEST, in the Cityscapes layout."""
    with bar("rendering") as progress:
        info = api.synthesize(
            dest,
            frames,
            seed,
            progress,
            size=size_of(size) or (256, 512),
            weather=None if weather == "mixed" else cast(Weather, weather),
            daytime=None if light == "mixed" else cast(Daytime, light),
        )
    print_result(as_json, asdict(info), [f"{sum(info.frames.values())} frames in {dest}"])


@data_app.command("tags")
def data_tags(
    data: Data = None,
    frame: Annotated[list[str] | None, typer.Option(help="SPLIT/NAME of a frame, any number of times.")] = None,
    add: Annotated[list[str] | None, typer.Option(help="Tag to add to these frames.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Tag to remove from them.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=given("a file to write"), metavar="FILE", help="Also write all tagged frames into this CSV file."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the tagged frames, after tagging some."""
    if bool(frame) != bool(add or remove):
        raise UsageError("expected --frame together with --add or --remove")
    dataset = api.connect(data)
    if frame:
        notes = api.tag_frames(dataset, map(_frame_key, frame), add=add or (), remove=remove or ())
    else:
        notes = api.read_frame_notes(dataset)
    if out is not None:
        api.write_frame_tags(dataset, out)
    tagged = sorted(notes.tags.items())
    document = [{"split": split, "frame": name, "tags": list(tags)} for (split, name), tags in tagged]
    lines = table(("split", "frame", "tags"), [(split, name, ", ".join(tags)) for (split, name), tags in tagged])
    print_result(as_json, document, lines)


def _frame_key(text: str) -> tuple[Split, str]:
    split, _, name = text.partition("/")
    if split not in SPLITS or not name:
        raise UsageError(f"--frame: expected SPLIT/NAME with one of {', '.join(SPLITS)}, found {quoted(text)}")
    return split, name


def _problem_lines(verification: api.Verification) -> Iterable[str]:
    yield from (f"note: {note}" for note in verification.notes)
    frames = f"{counted(verification.frames, 'frame')} read"
    if not verification.problems:
        yield f"{frames}, no problem found"
        return
    yield f"{frames}, {counted(len(verification.problems), 'problem')} found"
    for kind, group in groupby(verification.problems, key=lambda problem: problem.kind):
        messages = [f"  {problem.split}: {problem.message}" for problem in group]
        yield f"{kind}: {len(messages)}"
        yield from messages


def _prepared_lines(prepared: dict[Split, CachedSplit]) -> Iterable[str]:
    for split, cached in prepared.items():
        yield f"{split}: {len(cached)} frames in {cached.folder}"
        yield from (f"  left out: {path}" for path in cached.meta.skipped)


def _stats_lines(report: dict[str, Any]) -> Iterable[str]:
    splits = list(report["splits"])
    by_class = [report["splits"][split] for split in splits]
    # Absent classes come first, and a split without labels does not count.
    rarest_first = sorted(by_class[0], key=lambda name: sum(classes[name]["share"] or 0.0 for classes in by_class))
    rows = [
        (name, *(f"{percent(classes[name]['share'])} in {classes[name]['frames']}" for classes in by_class))
        for name in rarest_first
    ]
    yield from table(("class", *(f"{split}: share in frames of {report['frames'][split]}" for split in splits)), rows)
    height, width = report["size"]
    yield f"counted at {height}x{width} pixels (height x width)"
    for split in splits:
        brightness = report["brightness"][split]
        cities = counted(len(report["cities"][split]), "city")
        objects = sum(found["count"] for found in report["objects"][split].values())
        yield (
            f"{split}: {counted(report['frames'][split], 'frame')} in {cities}, "
            f"{report['void'][split]:.1%} void, {counted(objects, 'object')}, "
            f"brightness {brightness['p5']:.0f} to {brightness['p95']:.0f} of 255, median {brightness['p50']:.0f}"
        )
