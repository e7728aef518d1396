"""The command line: ``cityseg VERB``. Requests go to ``cityseg.api``; here they are only read and results printed."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer
from tqdm import tqdm
from typer.exceptions import TyperException

from cityseg import api, config
from cityseg.data.cache import CachedSplit
from cityseg.data.layout import Split, default_data
from cityseg.data.synthetic import DAYTIMES, WEATHERS, Daytime, Weather
from cityseg.engine.train import Progress
from cityseg.errors import CitysegError, UsageError

app = typer.Typer(
    help="A studio for street-scene segmentation experiments.",
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Prepare, count and draw datasets.")
runs_app = typer.Typer(help="List, show, stop and delete runs.")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="Folder with leftImg8bit/ and gtFine/, with their zips, or with dataset.json; or 'synthetic'. "
        "[default: $CITYSEG_DATA, data/cityscapes]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Runs = Annotated[Path | None, typer.Option("--runs", help="Folder of runs. [default: $CITYSEG_RUNS, runs]")]
Size = Annotated[str | None, typer.Option("--size", help="Height x width in pixels, for example 128x256.")]


def main() -> NoReturn:
    """Run the command line; errors of the caller are one line, without a traceback unless ``--debug`` is given."""
    arguments = sys.argv[1:] or ["--help"]
    debug = "--debug" in arguments
    try:
        code = app(args=[word for word in arguments if word != "--debug"], prog_name="cityseg", standalone_mode=False)
    except TyperException as error:
        print(f"cityseg: {error.format_message()}".replace("\n", " "), file=sys.stderr)
        sys.exit(2)
    except CitysegError as error:
        if debug:
            traceback.print_exc()
        print(f"cityseg: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code or 0)


@data_app.command("prepare")
def data_prepare(
    data: Data = None,
    size: Size = "128x256",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out what cannot be used, and record that, instead of refusing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decode every split once into the cache at one size."""
    with _bar("preparing") as progress:
        prepared = api.prepare_on_record(data, _size(size) or (128, 256), progress, skip_bad)
    document = {
        split: {
            "frames": len(cached),
            "fingerprint": cached.meta.fingerprint,
            "folder": str(cached.folder),
            "skipped": list(cached.meta.skipped),
        }
        for split, cached in prepared.items()
    }
    _print(as_json, document, _prepared_lines(prepared))


@data_app.command("stats")
def data_stats(
    data: Data = None,
    size: Annotated[
        str, typer.Option("--size", help="Where pixels are counted: HxW, or 'native' for the size of the first frame.")
    ] = "128x256",
    as_json: Json = False,
) -> None:
    """Count classes, objects, light and cities of every split; the rarest class comes first."""
    counted_at = api.data_info(data).native_size if size == "native" else config.parse_size(size)
    with _bar("counting") as progress:
        report = api.stats_report(data, counted_at, progress)
    _print(as_json, report, _stats_lines(report))


@data_app.command("verify")
def data_verify(data: Data = None, as_json: Json = False) -> None:
    """Read every file and list what is wrong with its path; the exit code is 1 if anything is."""
    with _bar("verifying") as progress:
        verification = api.verify(data, progress)
    document = {
        "data": data or default_data(),
        "frames": verification.frames,
        "problems": [asdict(problem) for problem in verification.problems],
    }
    _print(as_json, document, _problem_lines(verification))
    if verification.problems:
        raise typer.Exit(1)


@data_app.command("synthesize")
def data_synthesize(
    dest: Path,
    frames: Annotated[int, typer.Option("--frames", help="How many frames to draw.")] = 160,
    seed: Annotated[int, typer.Option("--seed", help="The same seed draws the same frames.")] = 0,
    size: Size = "256x512",
    weather: Annotated[str, typer.Option("--weather", help=f"One of {', '.join(WEATHERS)}, mixed.")] = "mixed",
    light: Annotated[str, typer.Option("--light", help=f"One of {', '.join(DAYTIMES)}, mixed.")] = "mixed",
    as_json: Json = False,
) -> None:
    """Draw a synthetic street set into DEST, in the official layout."""
    with _bar("drawing") as progress:
        info = api.synthesize(
            dest,
            frames,
            seed,
            progress,
            size=_size(size) or (256, 512),
            weather=None if weather == "mixed" else cast(Weather, weather),
            daytime=None if light == "mixed" else cast(Daytime, light),
        )
    _print(as_json, asdict(info), [f"{sum(info.frames.values())} frames in {dest}"])


@app.command()
def train(
    preset: Annotated[str | None, typer.Option("--preset", help=f"One of {', '.join(config.PRESETS)}.")] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="JSON file of settings.")] = None,
    data: Data = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, any number of times.")] = None,
    name: Annotated[str, typer.Option("--name", help="Wish for the run's id.")] = "",
    runs: Runs = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Id of a run to go on with.")] = None,
    as_json: Json = False,
) -> None:
    """Train a preset or a configuration in this process; Ctrl-C finishes the step and keeps a checkpoint."""
    if sum(value is not None for value in (preset, config_file, resume)) != 1:
        raise UsageError("expected exactly one of --preset, --config and --resume")
    if resume and (settings or name):
        raise UsageError("expected --resume alone, found --set or --name; a resumed run keeps its settings")
    description = None
    if not resume:
        start = config.load(config_file) if config_file else config.preset(preset or "")
        description = config.override(start, settings or [])
    bars = _TrainingBars()
    try:
        result = api.train(
            description,
            data,
            name=name,
            runs=runs,
            resume=resume,
            on_start=lambda run: print(f"run {run.id} in {run.folder}", file=sys.stderr),
            on_data=bars.data,
            on_progress=bars.step,
        )
    finally:
        bars.close()
    _print(as_json, result.as_dict(), [*_result_lines(result)])


@runs_app.command("list")
def runs_list(runs: Runs = None, as_json: Json = False) -> None:
    """List runs, newest first."""
    results = api.list_results(runs, shipped=False)
    rows = [
        (
            result.id,
            result.state,
            f"{result.epochs_done}/{result.config.epochs}",
            _figure(result.score("val", "f1")),
            _figure(result.score("test", "f1")),
        )
        for result in results
    ]
    _print(
        as_json, [result.as_dict() for result in results], _table(("id", "state", "epochs", "val F1", "test F1"), rows)
    )


@runs_app.command("show")
def runs_show(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Show one run (or shipped model): settings, scores and history."""
    result = api.find_result(run, runs)
    _print(as_json, {**result.as_dict(), "history": result.run.history()}, _result_lines(result))


@runs_app.command("stop")
def runs_stop(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Ask a running training to finish its step, keep a checkpoint and leave."""
    api.stop(run, runs)
    _print(as_json, {"id": run, "stopping": True}, [f"{run} is stopping"])


@runs_app.command("delete")
def runs_delete(run: str, runs: Runs = None, as_json: Json = False) -> None:
    """Remove an ended run for good."""
    api.delete(run, runs)
    _print(as_json, {"id": run, "deleted": True}, [f"{run} is deleted"])


@app.command()
def evaluate(
    model: str,
    data: Data = None,
    split: Annotated[Split, typer.Option("--split", help="Which frames to score.")] = "val",
    size: Annotated[
        str | None,
        typer.Option("--size", help="Where scores are counted: HxW or 'native'. [default: the model's size]"),
    ] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Score MODEL (a run, a shipped model or a folder) on a split."""
    with _bar("evaluating") as progress:
        scores = api.evaluate(
            model,
            data,
            split,
            size="native" if size == "native" else _size(size),
            runs=runs,
            on_progress=progress,
        )
    _print(as_json, scores, _score_lines(scores))


@app.command()
def predict(
    model: str,
    photos: Annotated[list[Path], typer.Argument()],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Write label ids, colours and overlay of photos at their own size."""
    with _bar("predicting") as progress:
        results = api.predict_photos(model, photos, out, runs=runs, on_progress=progress)
    lines = [
        f"{result['photo']}: "
        + ", ".join(f"{name} {share:.1%}" for name, share in list(result["shares"].items())[:5])
        + f" ({result['milliseconds']:.0f} ms)"
        for result in results
    ]
    _print(as_json, results, lines)


@app.command("models")
def list_models(as_json: Json = False) -> None:
    """List the shipped models."""
    infos = api.models()
    rows = [
        (
            info.name,
            f"{info.parameters:,}",
            f"{info.image_size[0]}x{info.image_size[1]}",
            _figure(_nested(info.scores, "test", "macro", "f1")),
            info.trained_on,
        )
        for info in infos
    ]
    _print(
        as_json, [asdict(info) for info in infos], _table(("name", "parameters", "size", "test F1", "trained on"), rows)
    )


@app.command()
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
    with _bar("measuring") as progress:
        result = api.publish(run, data, name=name, trained_on=trained_on, terms=terms, runs=runs, on_progress=progress)
    _print(as_json, result.as_dict(), _result_lines(result))


class _TrainingBars:
    """One bar for preparing data, then one for the steps."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._what = ""

    def _show(self, what: str, done: int, total: int, unit: str) -> tqdm[Any]:
        if self._bar is None or self._what != what:
            self.close()
            self._bar, self._what = tqdm(total=total, desc=what, unit=unit, file=sys.stderr), what
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        return self._bar

    def data(self, done: int, total: int) -> None:
        self._show("preparing", done, total, "frame")

    def step(self, progress: Progress) -> None:
        bar = self._show("training", progress.step, progress.steps, "step")
        bar.set_postfix_str(
            f"epoch {progress.epoch}/{progress.epochs}, loss {progress.loss:.3f}, "
            f"{progress.frames_per_second:.1f} frames/s, {progress.seconds_left:.0f} s left"
        )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


@contextmanager
def _bar(what: str) -> Any:
    bars = _TrainingBars()
    try:
        yield lambda done, total: bars._show(what, done, total, "frame")
    finally:
        bars.close()


def _size(text: str | None) -> tuple[int, int] | None:
    return config.parse_size(text) if text else None


def _print(as_json: bool, document: Any, lines: Iterable[str]) -> None:
    if as_json:
        print(json.dumps(document, allow_nan=False, default=str))
    else:
        for line in lines:
            print(line)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _nested(values: Any, *keys: str) -> Any:
    for key in keys:
        values = values.get(key) if values else None
    return values


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    align: Callable[[tuple[str, ...]], str] = lambda row: "  ".join(  # noqa: E731
        cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    ).rstrip()
    return [align(header), *(align(row) for row in rows)]


def _problem_lines(verification: api.Verification) -> Iterable[str]:
    frames = f"{_counted(verification.frames, 'frame')} read"
    if not verification.problems:
        yield f"{frames}, no problem found"
        return
    yield f"{frames}, {_counted(len(verification.problems), 'problem')} found"
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
    # A class that is nowhere is the rarest of all, and a split without labels says nothing about rarity.
    rarest_first = sorted(by_class[0], key=lambda name: sum(classes[name]["share"] or 0.0 for classes in by_class))
    rows = [
        (name, *(f"{_percent(classes[name]['share'])} in {classes[name]['frames']}" for classes in by_class))
        for name in rarest_first
    ]
    yield from _table(("class", *(f"{split}: share in frames of {report['frames'][split]}" for split in splits)), rows)
    height, width = report["size"]
    yield f"counted at {height}x{width} pixels (height x width)"
    for split in splits:
        light = report["brightness"][split]
        cities = _counted(len(report["cities"][split]), "city")
        objects = sum(found["count"] for found in report["objects"][split].values())
        yield (
            f"{split}: {_counted(report['frames'][split], 'frame')} in {cities}, "
            f"{report['void'][split]:.1%} void, {_counted(objects, 'object')}, "
            f"brightness {light['p5']:.0f} to {light['p95']:.0f} of 255, half of the frames under {light['p50']:.0f}"
        )


def _counted(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _result_lines(result: api.Result) -> Iterable[str]:
    yield f"{result.id}: {result.state}, {result.epochs_done} of {result.config.epochs} epochs" + (
        f", {result.error}" if result.error else ""
    )
    for split, scores in result.scores.items():
        yield f"{split}: macro F1 {_figure(scores['macro']['f1'])}, mean IoU {_figure(scores['macro']['iou'])}"


def _score_lines(scores: dict[str, Any]) -> Iterable[str]:
    names = ("precision", "recall", "f1", "dice", "iou")
    rows = [(name, *(_figure(values[metric]) for metric in names)) for name, values in scores["per_class"].items()]
    rows += [(average, *(_figure(scores[average][metric]) for metric in names)) for average in ("macro", "weighted")]
    yield from _table((f"{scores['split']}, {scores['frames']} frames", *names), rows)
    others = (("pixel accuracy", "pixel_accuracy"), ("samples Dice", "samples_dice"), ("category IoU", "category_iou"))
    yield ", ".join(f"{words} {_figure(scores[key])}" for words, key in others)
