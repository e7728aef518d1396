"""Train runs in this process, stop and delete runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cityseg import distributed
from cityseg.api.data.connect import connect, data_info
from cityseg.api.data.labels import expect_labels, is_void
from cityseg.api.data.prepare import prepare
from cityseg.api.results.listing import Result, find_result
from cityseg.api.training.cost_estimate import warnings_of
from cityseg.api.training.create_run import (
    expect_training_splits,
    new_run,
    open_data,
    run_to_resume,
)
from cityseg.api.training.failures import explained, record_end
from cityseg.config import ExperimentConfig, build
from cityseg.data.dataset import Dataset
from cityseg.engine.record import Record, TrainingProgress
from cityseg.engine.runtime.device import best_device, device_name
from cityseg.engine.scoring import SCORED_SPLITS
from cityseg.engine.train import Trainer
from cityseg.errors import CitysegError, DataError, Stopped
from cityseg.jobs import launcher, queue
from cityseg.jobs.heartbeat import beating
from cityseg.jobs.signals import StopRequest, stop_signals
from cityseg.progress import OnProgress
from cityseg.runs import Run, find_run
from cityseg.tracking import tracked

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceInfo:
    """The device that trains."""

    kind: str  # ``cuda`` or ``cpu``
    name: str  # the GPU's name, or the number of CPU threads
    memory_bytes: int | None  # the GPU's memory, None for a CPU


def device_info() -> DeviceInfo:
    """Describe the device that trainings and predictions use."""
    device = best_device()
    memory = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
    return DeviceInfo(device.type, device_name(device), memory)


def train(
    config: ExperimentConfig | None,
    spec: str | None = None,
    *,
    name: str = "",
    runs: Path | None = None,
    resume: str | None = None,
    on_start: Callable[[Run], None] | None = None,
    on_data: OnProgress | None = None,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> Result:
    """Train in this process until the run ends or is stopped, as the result's ``state`` states.

    The run starts at once, whatever the queue holds, but takes a slot; when it ends, the queue advances. Under
    ``torchrun`` all processes train one run together; the first one writes its folder and reports.

    Args:
        config: None when resuming.
        spec: the dataset; a resumed run keeps its own by default.
        name: preferred id of the run.
        resume: id of a run to resume.
        on_start: called once the run folder exists.
        on_data: called with (frames done, frames in all) while the cache is prepared.
        on_progress: called every few steps.
        on_warning: called before the first step with each warning about the config.

    Raises:
        CitysegError: an invalid request, unusable data, or a failed training; ``status.json`` records it too.
    """
    opened: Dataset | None = None

    def open_run() -> tuple[str, str | None, dict[str, Any]]:
        nonlocal opened
        if resume is None:
            assert config is not None
            opened = open_data(spec, [config])
            return str(new_run(config, spec, name, runs).folder), spec, config.model_dump()
        run = run_to_resume(resume, runs)
        return str(run.folder), spec or run.describe().get("data", {}).get("spec"), run.config().model_dump()

    with distributed.process_group():
        if not distributed.is_first():
            on_start = on_data = on_progress = on_warning = None
        folder, data, values = distributed.broadcast_from_first(open_run)
        run, settings = Run(Path(folder)), build(values)
        with _recorded(run, settings) as stop_request:
            if on_start:
                on_start(run)
            _train(run, opened or data, settings, stop_request, on_data, on_progress, on_warning)
        if distributed.reported_failure():  # another process has left and cannot answer
            return find_result(run.id, runs)
        return Result.of_dict(distributed.broadcast_from_first(lambda: find_result(run.id, runs).as_dict()))


def _train(
    run: Run,
    data: str | Dataset | None,
    config: ExperimentConfig,
    stop_request: StopRequest,
    on_data: OnProgress | None,
    on_progress: Callable[[TrainingProgress], None] | None,
    on_warning: Callable[[str], None] | None,
) -> None:
    with distributed.first_process_first():
        dataset = connect(data, on_data)
        info = data_info(dataset)
        splits = prepare(dataset, config.image_size, on_data)
        # Read the labels that scores are measured with before the training, not at the end of its first epoch.
        for split in SCORED_SPLITS:
            if split in splits:
                _ = splits[split].truth
    expect_training_splits(info.name, splits)
    expect_labels(info.name, splits)
    fingerprints = {split: cached.meta.fingerprint for split, cached in splits.items()}
    if any(others != fingerprints for others in distributed.all_gather_objects(fingerprints)):
        raise DataError(
            f"{info.name}: expected the same frames on every machine, found others; give all of them one dataset"
        )
    if on_warning:
        for sentence in warnings_of(config, {split: len(cached) for split, cached in splits.items()}):
            on_warning(sentence)
        if "test" in splits and is_void(splits["test"]):
            on_warning(f"{info.name}: no pixel of the test split is labelled; its scores stay empty.")
    if distributed.is_first():
        used = {
            "spec": info.spec,
            "name": info.description,
            "fingerprints": fingerprints,
            "skipped": {split: len(cached.meta.skipped) for split, cached in splits.items()},
        }
        surroundings = {"data": used, "device": device_name(best_device()), "processes": distributed.count()}
        run.write_description({**run.describe(), **surroundings})
    with tracked(config, run) as tracker:
        record = Record(
            run,
            config,
            splits,
            trained_on=info.description,
            device=best_device(),
            tracker=tracker,
            on_progress=on_progress,
        )
        trainer = Trainer(record, stop_request)
        trainer.fit()
        trainer.finish()


def stop(run_id: str, runs: Path | None = None) -> None:
    """Ask a running training to finish its step, write a checkpoint and exit; UsageError if it is not running."""
    launcher.stop(find_run(run_id, runs))


@contextmanager
def _recorded(run: Run, config: ExperimentConfig) -> Iterator[StopRequest]:
    """Claim the run for this process, always record its final state, and advance the queue afterwards.

    Of several processes the first one writes, whichever fails. Yields the stop request: a signal also raises
    ``Stopped``, but interrupted code may swallow the exception.
    """
    distributed.broadcast_from_first(lambda: queue.claim(run))

    request, is_ending = StopRequest(), False

    def stop_now(name: str) -> None:
        if not is_ending:
            request.hear(name)
            raise distributed.report_failure(Stopped(f"{run.id}: stopped by {name} before its first step"))

    with stop_signals(stop_now):
        try:
            with beating(run) if distributed.is_first() else nullcontext():
                yield request
            if distributed.is_first():
                run.write_status(state="finished")
        except BaseException as error:
            # When one process fails, torchrun sends SIGTERM to the others, which must still record the reason.
            is_ending = True
            problem = explained(error, run, config.batch_size)
            if distributed.is_first():
                record_end(run, problem, error)
            if isinstance(problem, Stopped):
                return
            distributed.report_failure(problem)
            if problem is error:
                raise
            raise problem from error
        finally:
            if distributed.is_first():
                _advance_queue(run)


def _advance_queue(run: Run) -> None:
    try:
        queue.advance(run.folder.parent)
    except CitysegError as error:
        # The run has ended by now; the next reader of the queue starts the waiting runs.
        _log.warning("the queue did not advance: %s", error)
