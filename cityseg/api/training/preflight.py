"""Trying a recipe before its launch: a few timed steps, the overfit check, the learning-rate finder.

Each is a verb of the command line. The app starts that verb as a process of its own and follows its folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cityseg.api.data.connect import connect, data_info
from cityseg.api.data.prepare import prepare
from cityseg.api.training.cost_estimate import Estimate, cost_of, estimate, too_large, trial_folder
from cityseg.api.training.create_run import given_by
from cityseg.config import ExperimentConfig
from cityseg.data.layouts.detect import Split, default_data
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.preflight.lr_finder import (
    FINDER_STEPS,
    HIGHEST,
    LOWEST,
    RatePoint,
    RateSearch,
    find_learning_rate,
    smooth,
)
from cityseg.engine.preflight.overfit import LEARNT, OVERFIT_STEPS, OverfitCheck, OverfitPoint, check_overfit
from cityseg.engine.preflight.pace import measure_pace
from cityseg.engine.runtime.device import best_device
from cityseg.engine.runtime.signals import stop_signals
from cityseg.errors import DataError, TrainingError, UsageError
from cityseg.jobs import launcher
from cityseg.jobs.record import KINDS, Kind, Trial, TrialFolder, running_trials, starting
from cityseg.runs import runs_root

__all__ = [
    "HIGHEST",
    "KINDS",
    "LEARNT",
    "LOWEST",
    "OVERFIT_STEPS",
    "TITLES",
    "Kind",
    "find_rate",
    "find_trial",
    "measure_time",
    "overfit",
    "overfit_document",
    "rate_document",
    "start_trial",
    "stop_trial",
]

TrialProgress = Callable[[str, int, int], None]
"""Called with (what is being done, steps or frames done, of how many)."""
TITLES: dict[Kind, str] = {
    "estimate": "time measurement",
    "overfit": "8-frame check",
    "lr-find": "search for a learning rate",
}
"""What the trials are called in sentences."""


def start_trial(kind: Kind, config: ExperimentConfig, spec: str | None = None, runs: Path | None = None) -> Trial:
    """Start ``cityseg KIND`` as a process of its own.

    Raises:
        UsageError: another trial is running, which would distort both, or the dataset cannot be connected.
        DataError: the dataset cannot be connected.
    """
    spec = spec or default_data()
    if spec != "synthetic":
        connect(spec)
    folder = trial_folder(kind, config, spec, runs)
    with starting(runs), folder.locked():
        if going := running_trials(runs):
            raise UsageError(
                f"expected no other trial to be running, found the {TITLES[going[0].kind]}; stop it or wait for its end"
            )
        folder.describe()
        command = [kind, "--config", str(folder.recipe), "--data", spec, "--runs", str(runs_root(runs))]
        folder.begin(launcher.start_detached(command, folder.log))
    trial = folder.read()
    assert trial is not None
    return trial


def find_trial(kind: Kind, config: ExperimentConfig, spec: str | None = None, runs: Path | None = None) -> Trial | None:
    """Return the latest trial of a recipe on a dataset and this machine, or None if there never was one."""
    return trial_folder(kind, config, spec or default_data(), runs).read()


def stop_trial(trial: Trial, runs: Path | None = None) -> None:
    """Ask a running trial to end. Does nothing where its process is not running on this machine."""
    trial_folder(trial.kind, trial.config, trial.data, runs).stop()


def measure_time(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    runs: Path | None = None,
    on_progress: TrialProgress | None = None,
) -> Estimate:
    """Time a few real steps of a recipe in this process, on record, and say all that is then known of it.

    Uses the prepared frames where there are some of the recipe's size, else noise of that size, which costs the same
    time. A recipe that needs more memory than is free is not run; the warnings say so, and ``pace`` stays None.

    Raises:
        Stopped: it was asked to stop.
        CitysegError: the dataset cannot be connected or lacks train or val frames, or memory ran out.
    """
    with _on_record("estimate", config, spec, runs) as folder:
        info = data_info(spec)
        counted = cost_of(config, sum(info.frames.values()))
        _expect_frames(info.name, [split for split in info.frames if info.frames[split]])
        if problem := too_large(counted):
            folder.fail(problem)
        else:
            note = _both(folder, on_progress)
            pace = measure_pace(
                config,
                _prepared(spec, config.image_size),
                min(config.batch_size, info.frames["train"]),
                best_device(),
                lambda done, total: note("measuring", done, total, None),
                given_by(config, runs),
            )
            folder.finish(asdict(pace))
    return estimate(config, spec, runs=runs, info=info, counted=counted)


def overfit(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    steps: int | None = None,
    runs: Path | None = None,
    on_progress: TrialProgress | None = None,
) -> OverfitCheck:
    """Let a recipe learn 8 frames by heart in this process, on record. No run is touched.

    Raises:
        Stopped: it was asked to stop.
        CitysegError: data that cannot be used, or memory ran out.
    """
    allowed = steps or OVERFIT_STEPS
    with _on_record("overfit", config, spec, runs, steps) as folder:
        note = _both(folder, on_progress)
        train = _train_frames(config, spec, note)
        points: list[dict[str, Any]] = []

        def take(point: OverfitPoint) -> None:
            points.append(asdict(point))
            note("learning", point.step, allowed, {"points": points})

        check = check_overfit(config, train, best_device(), steps=allowed, on_point=take)
        folder.finish(overfit_document(check))
    return check


def find_rate(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    runs: Path | None = None,
    on_progress: TrialProgress | None = None,
) -> RateSearch:
    """Search a recipe's learning rate in this process, on record. No run is touched.

    Raises:
        Stopped: it was asked to stop.
        CitysegError: data that cannot be used, or memory ran out.
    """
    with _on_record("lr-find", config, spec, runs) as folder:
        note = _both(folder, on_progress)
        if problem := too_large(cost_of(config, sum(data_info(spec).frames.values()))):
            raise TrainingError(problem)
        train = _train_frames(config, spec, note)
        points: list[dict[str, Any]] = []

        def take(point: RatePoint) -> None:
            points.append(asdict(point))
            losses = [taken["loss"] for taken in points]
            note("searching", len(points), FINDER_STEPS, {"points": points, "smoothed": smooth(losses)})

        search = find_learning_rate(config, train, best_device(), given=given_by(config, runs), on_point=take)
        folder.finish(rate_document(search))
    return search


def overfit_document(check: OverfitCheck) -> dict[str, Any]:
    """Return a check with its verdict as plain values."""
    return {"verdict": check.verdict, **asdict(check)}


def rate_document(search: RateSearch) -> dict[str, Any]:
    """Return a search with its verdict as plain values."""
    return {"verdict": search.verdict, **asdict(search)}


@contextmanager
def _on_record(
    kind: Kind, config: ExperimentConfig, spec: str | None, runs: Path | None, steps: int | None = None
) -> Iterator[TrialFolder]:
    """Give the trial's folder and keep it true; turn what a user can mend into a sentence."""
    folder = trial_folder(kind, config, spec or default_data(), runs, steps)

    def stop_now(name: str) -> None:
        folder.stop_now(f"the {TITLES[kind]} was stopped by {name} before its end")

    with stop_signals(stop_now), folder.kept_true():
        try:
            yield folder
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise TrainingError(
                    f"expected enough memory for a step, found it exhausted; lower batch_size (now "
                    f"{config.batch_size}) or image_size"
                ) from error
            raise


def _both(
    folder: TrialFolder, on_progress: TrialProgress | None
) -> Callable[[str, int, int, dict[str, Any] | None], None]:
    def note(phase: str, done: int, total: int, result: dict[str, Any] | None) -> None:
        folder.note(phase, done, total, result)
        if on_progress:
            on_progress(phase, done, total)

    return note


def _prepared(spec: str | None, size: tuple[int, int]) -> dict[Split, CachedSplit] | None:
    """Return the prepared splits at a size, or None where train or val is not prepared."""
    dataset = connect(spec)
    if all(dataset.splits[split] and cache.is_prepared(dataset, split, size) for split in ("train", "val")):
        return prepare(spec, size)
    return None


def _train_frames(config: ExperimentConfig, spec: str | None, note: Callable[..., None]) -> CachedSplit:
    splits = prepare(spec, config.image_size, lambda done, total: note("preparing", done, total, None))
    _expect_frames(data_info(spec).name, list(splits))
    return splits["train"]


def _expect_frames(name: str, splits: list[Split]) -> None:
    for split in ("train", "val"):
        if split not in splits:
            raise DataError(f"{name}: expected frames in the {split} split, found none; training needs them")
