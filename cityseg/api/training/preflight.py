"""Preflight checks of a config: a few timed steps, the overfit check, the learning-rate finder.

Each is a verb of the command line. The app starts that verb as a process of its own and follows its record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from cityseg.api.data.connect import connect, data_info, splits_with_frames
from cityseg.api.data.labels import expect_labels
from cityseg.api.data.prepare import prepare
from cityseg.api.training.cost_estimate import CostEstimate, cost_of, estimate, preflight_record, too_large
from cityseg.api.training.create_run import expect_training_splits, open_data, pretrained_inputs
from cityseg.config import ExperimentConfig
from cityseg.data.dataset import Dataset, Split, default_data
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.preflight.lr_finder import (
    FINDER_STEPS,
    RatePoint,
    RateSearch,
    find_learning_rate,
    smooth,
)
from cityseg.engine.preflight.overfit import OVERFIT_STEPS, OverfitCheck, OverfitPoint, check_overfit
from cityseg.engine.preflight.pace import measure_pace
from cityseg.engine.runtime.device import best_device
from cityseg.engine.step import expect_normalizable
from cityseg.errors import TrainingError, UsageError
from cityseg.jobs import launcher
from cityseg.jobs.preflight_record import CheckKind, PreflightCheck, PreflightRecord, running_checks, starting
from cityseg.memory import is_exhausted
from cityseg.runs import runs_root

PhaseProgress = Callable[[str, int, int], None]
"""Called with (phase, steps or frames done, steps or frames in all)."""
TITLES: dict[CheckKind, str] = {
    "estimate": "time measurement",
    "overfit": "8-frame check",
    "lr-find": "learning-rate finder",
}
"""Names of the checks in sentences."""


def start_check(
    kind: CheckKind, config: ExperimentConfig, spec: str | None = None, runs: Path | None = None
) -> PreflightCheck:
    """Start ``cityseg KIND`` as a process of its own; UsageError while another runs, which would distort both."""
    spec = spec or default_data()
    open_data(spec)
    record = preflight_record(kind, config, spec, runs)
    with starting(runs), record.locked():
        if running := running_checks(runs):
            raise UsageError(
                f"expected no other check to be running, found the {TITLES[running[0].kind]}; stop it or wait for its "
                "end"
            )
        record.describe()
        command = [kind, "--config", str(record.config_file), "--data", spec, "--runs", str(runs_root(runs))]
        record.begin(launcher.start_detached(command, record.log))
    check = record.check()
    assert check is not None
    return check


def find_check(
    kind: CheckKind, config: ExperimentConfig, spec: str | None = None, runs: Path | None = None
) -> PreflightCheck | None:
    """Return the latest check of a config on a dataset and this machine, or None if it never ran."""
    return preflight_record(kind, config, spec or default_data(), runs).check()


def stop_check(check: PreflightCheck, runs: Path | None = None) -> None:
    """Ask a running check to end. Does nothing unless its process runs on this machine."""
    preflight_record(check.kind, check.config, check.data, runs).stop()


def measure_time(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    runs: Path | None = None,
    on_progress: PhaseProgress | None = None,
) -> CostEstimate:
    """Time a few real steps of a config in this process, record the pace, and return the estimate with it.

    Uses the prepared frames of the config's size if there are any, else noise of that size, which takes the same time.
    A config that needs more memory than is free is not run: ``pace`` stays None and a warning gives the reason.

    Raises:
        Stopped: a request to stop.
        CitysegError: the dataset lacks train or val frames, or memory ran out.
    """
    with _recorded("estimate", config, spec, runs) as record:
        dataset = connect(spec)
        info = data_info(dataset)
        counted = cost_of(config, sum(info.frames.values()))
        expect_training_splits(info.name, splits_with_frames(dataset))
        expect_normalizable(config, info.frames["train"])
        if problem := too_large(counted):
            record.fail(problem)
        else:
            note = _both(record, on_progress)
            pace = measure_pace(
                config,
                _prepared(dataset, config.image_size),
                min(config.batch_size, info.frames["train"]),
                best_device(),
                partial(note, "measuring"),
                pretrained_inputs(config, runs),
            )
            record.finish(asdict(pace))
    return estimate(config, spec, runs=runs, info=info, counted=counted)


def overfit(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    steps: int | None = None,
    runs: Path | None = None,
    on_progress: PhaseProgress | None = None,
) -> OverfitCheck:
    """Overfit a config on 8 frames in this process, recorded. No run is touched. Raises as ``measure_time``."""
    allowed = steps or OVERFIT_STEPS
    with _recorded("overfit", config, spec, runs, steps) as record:
        note = _both(record, on_progress)
        train = _train_frames(config, connect(spec), note)
        points: list[dict[str, Any]] = []

        def take(point: OverfitPoint) -> None:
            points.append(asdict(point))
            note("learning", point.step, allowed, {"points": points})

        check = check_overfit(config, train, best_device(), steps=allowed, on_point=take)
        record.finish(check_document(check))
    return check


def find_rate(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    runs: Path | None = None,
    on_progress: PhaseProgress | None = None,
) -> RateSearch:
    """Find a learning rate for a config in this process, recorded. No run is touched. Raises as ``measure_time``."""
    with _recorded("lr-find", config, spec, runs) as record:
        note = _both(record, on_progress)
        dataset = connect(spec)
        if problem := too_large(cost_of(config, sum(map(len, dataset.splits.values())))):
            raise TrainingError(problem)
        train = _train_frames(config, dataset, note)
        points: list[dict[str, Any]] = []

        def take(point: RatePoint) -> None:
            points.append(asdict(point))
            losses = [taken["loss"] for taken in points]
            note("searching", len(points), FINDER_STEPS, {"points": points, "smoothed": smooth(losses)})

        search = find_learning_rate(
            config, train, best_device(), pretrained=pretrained_inputs(config, runs), on_point=take
        )
        record.finish(check_document(search))
    return search


def check_document(check: OverfitCheck | RateSearch) -> dict[str, Any]:
    """Return a check with its verdict as plain values."""
    return {"verdict": check.verdict, **asdict(check)}


@contextmanager
def _recorded(
    kind: CheckKind, config: ExperimentConfig, spec: str | None, runs: Path | None, steps: int | None = None
) -> Iterator[PreflightRecord]:
    """Record the check that runs inside; exhausted memory becomes a TrainingError."""
    record = preflight_record(kind, config, spec or default_data(), runs, steps)
    with record.recorded(lambda name: f"the {TITLES[kind]} was stopped by {name} before its end"):
        try:
            yield record
        except (MemoryError, RuntimeError) as error:
            if is_exhausted(error):
                raise TrainingError(
                    f"expected enough memory for a step, found it exhausted; lower batch_size (now "
                    f"{config.batch_size}) or image_size"
                ) from error
            raise


def _both(record: PreflightRecord, on_progress: PhaseProgress | None) -> Callable[..., None]:
    def note(phase: str, done: int, total: int, result: dict[str, Any] | None = None) -> None:
        record.note(phase, done, total, result)
        if on_progress:
            on_progress(phase, done, total)

    return note


def _prepared(dataset: Dataset, size: tuple[int, int]) -> dict[Split, CachedSplit] | None:
    """Return the prepared splits at a size, or None if train or val is not prepared."""
    if all(dataset.splits[split] and cache.is_prepared(dataset, split, size) for split in ("train", "val")):
        return prepare(dataset, size)
    return None


def _train_frames(config: ExperimentConfig, dataset: Dataset, note: Callable[..., None]) -> CachedSplit:
    splits = prepare(dataset, config.image_size, partial(note, "preparing"))
    expect_training_splits(dataset.name, splits)
    expect_labels(dataset.name, splits)
    return splits["train"]
