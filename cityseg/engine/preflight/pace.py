"""Measure the pace of a config on this device: time a few real steps and part of the real evaluation."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from cityseg.config import ExperimentConfig, Precision
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.dataset import Split
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.evaluate import EVALUATION_BATCH, evaluate
from cityseg.engine.preflight.frames import portion, random_frames
from cityseg.engine.pretrained import NO_PRETRAINED, PretrainedInputs
from cityseg.engine.runtime.allocator import keep_freed_memory
from cityseg.engine.runtime.device import peak_memory
from cityseg.engine.step import TrainingSetup
from cityseg.progress import OnProgress

TIMED_STEPS = 8
"""Number of timed steps after the warm-up, unless time runs out first."""
WARM_UP_STEPS = 2
TIMED_SECONDS = 8.0
"""No further step starts after this time."""
_MIN_STEPS = 3


@dataclass(frozen=True)
class Pace:
    """Measured pace of a training."""

    step_seconds: float  # median time of an optimiser step at the full image size
    half_step_seconds: float | None  # the same at half height and width, or None if the config has no such epoch
    first_step_seconds: float  # time of the first step, including setup and compilation
    evaluation_seconds: float  # time per frame of an evaluation after an epoch, in the config's precision
    scoring_seconds: float  # time per frame of the final evaluation, in float32
    steps: int  # number of timed steps
    peak_bytes: int  # peak memory: of tensors on the GPU, of the process on the CPU
    batch_size: int  # frames in a timed step; fewer than the config's if the split has fewer
    source: str  # `frames` of the prepared data, or `noise` if none is prepared at this size


def measure_pace(
    config: ExperimentConfig,
    splits: Mapping[Split, CachedSplit] | None,
    batch: int,
    device: torch.device,
    on_progress: OnProgress | None = None,
    pretrained: PretrainedInputs = NO_PRETRAINED,
) -> Pace:
    """Time a few real steps of a config, with its batch size, image size, precision, augmentation and loss.

    ``splits`` are cached train and val at the config's size, or None to use frames of noise. ``batch`` is the batch
    size, or all frames of a smaller training split. In the progress the evaluation counts as one step.
    """
    if splits is None:
        train, val = random_frames(batch, config.image_size), random_frames(EVALUATION_BATCH, config.image_size)
    else:
        train, val = portion(splits["train"], batch), portion(splits["val"], EVALUATION_BATCH)
    keep_freed_memory()
    halves = bool(config.half_size_epochs)
    total = (WARM_UP_STEPS + TIMED_STEPS) * (1 + halves) + 1
    setup = TrainingSetup(config, DeviceSplit(train, device), pretrained)
    done = 0

    def timed(epoch: int) -> list[float]:
        """Return the time of each step in seconds, the warm-up steps first."""
        nonlocal done
        seconds: list[float] = []
        for number in range(WARM_UP_STEPS + TIMED_STEPS):
            timed_enough = len(seconds) >= WARM_UP_STEPS + _MIN_STEPS
            if timed_enough and sum(seconds[WARM_UP_STEPS:]) > TIMED_SECONDS:
                break
            begun = time.perf_counter()
            setup.step(number, config.learning_rate, first_epoch=epoch)
            _wait_for(device)
            seconds.append(time.perf_counter() - begun)
            done += 1
            if on_progress:
                on_progress(done, total)
        return seconds

    # A run begins with its half-size epochs.
    half = timed(0) if halves else None
    if half:
        done = WARM_UP_STEPS + TIMED_STEPS
    full = timed(config.half_size_epochs)
    frames = DeviceSplit(val, device)
    in_training = _seconds_per_frame(setup, frames, config.precision)
    in_float32 = in_training
    if config.precision != "float32":
        setup.model.float()
        in_float32 = _seconds_per_frame(setup, frames, "float32")
    if on_progress:
        on_progress(total, total)
    return Pace(
        step_seconds=statistics.median(full[WARM_UP_STEPS:]),
        half_step_seconds=statistics.median(half[WARM_UP_STEPS:]) if half else None,
        first_step_seconds=(half or full)[0],
        evaluation_seconds=in_training,
        scoring_seconds=in_float32,
        steps=len(full) - WARM_UP_STEPS,
        peak_bytes=peak_memory(device),
        batch_size=len(train),
        source="noise" if splits is None else "frames",
    )


def seconds_to_finish(config: ExperimentConfig, pace: Pace, frames: Mapping[Split, int]) -> float:
    """Estimate the seconds of a whole run: its steps, the evaluation on val after every epoch, and the final scores.

    Takes the number of frames by split. Reading frames from disk and writing checkpoints are not included. Early
    stopping may shorten a run.
    """
    per_epoch = -(-frames["train"] // config.batch_size)
    half = config.half_size_epochs if pace.half_step_seconds is not None else 0
    steps = per_epoch * ((config.epochs - half) * pace.step_seconds + half * (pace.half_step_seconds or 0.0))
    begin = max(0.0, pace.first_step_seconds - (pace.half_step_seconds or pace.step_seconds))
    evaluations = config.epochs * frames["val"] * pace.evaluation_seconds
    return begin + steps + evaluations + (frames["val"] + frames["test"]) * pace.scoring_seconds


def _seconds_per_frame(setup: TrainingSetup, frames: DeviceSplit, precision: Precision) -> float:
    """Return the time per frame of an evaluation, in seconds, after a warm-up pass."""
    normalization = Normalization.named(setup.config.normalization)
    for _ in range(2):
        begun = time.perf_counter()
        evaluate(setup.model, frames, normalization, precision=precision, loss=setup.loss)
        _wait_for(setup.split.device)
    return (time.perf_counter() - begun) / len(frames)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
