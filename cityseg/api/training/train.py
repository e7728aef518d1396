"""Training runs: trained in this process, stopped, deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from cityseg import distributed
from cityseg.api.data.connect import data_info
from cityseg.api.data.prepare import prepare
from cityseg.api.results.listing import Result, find_result
from cityseg.api.training.cost_estimate import warnings_of
from cityseg.api.training.create_run import new_run, run_to_resume
from cityseg.api.training.failures import explained, record_end
from cityseg.config import ExperimentConfig
from cityseg.data.layouts.detect import Split
from cityseg.engine.record import TrainingProgress
from cityseg.engine.runtime.device import best_device, device_name
from cityseg.engine.train import Trainer
from cityseg.errors import CitysegError, DataError, Stopped
from cityseg.files import write_json
from cityseg.jobs import launcher, queue
from cityseg.jobs.heartbeat import beating
from cityseg.jobs.signals import StopRequest, stop_signals
from cityseg.progress import OnProgress
from cityseg.runs import Run, find_run
from cityseg.tracking import tracked

_NEEDED: tuple[Split, ...] = ("train", "val")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceInfo:
    """Where trainings run.

    Attributes:
        kind: ``cuda`` or ``cpu``.
        name: the GPU's name, or the number of CPU threads.
        memory_bytes: the GPU's memory, or None.
    """

    kind: str
    name: str
    memory_bytes: int | None


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
    """Train in this process, to the end or to a stop. Returns the result either way; ``state`` tells which.

    The run is never held back by the queue, but takes a slot; when it ends, however it does, the queue goes on.
    The processes that ``torchrun`` started train one run together; the first of them writes its folder and reports.

    Args:
        config: what to train; None when resuming.
        spec: the dataset; a resumed run keeps its own unless one is named.
        name: wish for the run's id.
        runs: folder of runs.
        resume: id of a run to go on with.
        on_start: called once the run folder exists.
        on_data: called with (frames done, frames in all) while the cache is prepared.
        on_progress: called every few steps.
        on_warning: called with each sentence on what in the recipe cannot work or is ignored, before the first step.

    Raises:
        CitysegError: a wrong request, data that cannot be used, or a failed training; the folder says so too.
    """
    with distributed.process_group():
        if not distributed.is_first():
            on_start = on_data = on_progress = on_warning = None
        run, spec, description = distributed.broadcast_from_first(lambda: _open(config, spec, name, runs, resume))
        with _recorded(run, description) as wish:
            if on_start:
                on_start(run)
            _train(run, spec, description, wish, on_data, on_progress, on_warning)
        if distributed.reported_failure():  # somebody left alone, and there is nobody to ask any more
            return find_result(run.id, runs)
        return distributed.broadcast_from_first(lambda: find_result(run.id, runs))


def _open(
    config: ExperimentConfig | None, spec: str | None, name: str, runs: Path | None, resume: str | None
) -> tuple[Run, str | None, ExperimentConfig]:
    """Return a new run, or one to go on with, its dataset and its description."""
    if resume is None:
        assert config is not None
        return new_run(config, spec, name, runs), spec, config
    run = run_to_resume(resume, runs)
    return run, spec or run.describe().get("data", {}).get("spec"), run.config()


def _train(
    run: Run,
    spec: str | None,
    config: ExperimentConfig,
    wish: StopRequest,
    on_data: OnProgress | None,
    on_progress: Callable[[TrainingProgress], None] | None,
    on_warning: Callable[[str], None] | None,
) -> None:
    with distributed.first_process_first():
        info = data_info(spec, on_data)
        splits = prepare(spec, config.image_size, on_data)
    for split in _NEEDED:
        if split not in splits:
            raise DataError(f"{info.name}: expected frames in the {split} split, found none; training needs them")
    fingerprints = {split: cached.meta.fingerprint for split, cached in splits.items()}
    if any(others != fingerprints for others in distributed.all_gather_objects(fingerprints)):
        raise DataError(
            f"{info.name}: expected the same frames on every machine, found others; give all of them one dataset"
        )
    if on_warning:
        for sentence in warnings_of(config, {split: len(cached) for split, cached in splits.items()}):
            on_warning(sentence)
    if distributed.is_first():
        description = run.describe()
        description["data"] = {
            "spec": info.spec,
            "name": info.description,
            "fingerprints": fingerprints,
            "skipped": {split: len(cached.meta.skipped) for split, cached in splits.items()},
        }
        description["device"] = device_name(best_device())
        description["processes"] = distributed.count()
        write_json(run.folder / "config.json", description)
    with tracked(config, run) as tracker:
        trainer = Trainer(
            run,
            splits,
            trained_on=info.description,
            device=best_device(),
            tracker=tracker,
            on_progress=on_progress,
            stop=wish,
        )
        trainer.fit()
        trainer.finish()


def stop(run_id: str, runs: Path | None = None) -> None:
    """Ask a running training to finish its step, write a checkpoint and leave.

    Raises:
        UsageError: no such run, or it is not running.
    """
    launcher.stop(find_run(run_id, runs))


def delete(run_id: str, runs: Path | None = None) -> None:
    """Remove a run for good, one that has ended or waits.

    Raises:
        UsageError: no such run, or it is still running.
    """
    queue.delete(find_run(run_id, runs))


@contextmanager
def _recorded(run: Run, config: ExperimentConfig) -> Iterator[StopRequest]:
    """Make the run this process's, keep ``status.json`` true whatever happens inside, and let the queue go on after.

    Of several processes the first one writes, whichever of them ends the run. The block gets the wish to stop: a signal
    is raised as well, but code that a signal interrupts may swallow what it raises.
    """
    distributed.broadcast_from_first(lambda: queue.claim(run))

    wish, is_ending = StopRequest(), False

    def stop_now(name: str) -> None:
        if not is_ending:
            wish.hear(name)
            raise distributed.report_failure(Stopped(f"{run.id}: stopped by {name} before its first step"))

    with stop_signals(stop_now):
        try:
            with beating(run) if distributed.is_first() else nullcontext():
                yield wish
            if distributed.is_first():
                run.write_status(state="finished")
        except BaseException as error:
            # Where one process fails, torchrun sends SIGTERM to the others: they have to write the reason all the same.
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
                _let_the_queue_go_on(run)


def _let_the_queue_go_on(run: Run) -> None:
    try:
        queue.advance(run.folder.parent)
    except CitysegError as error:
        # The run itself has ended well or badly by now; whoever looks at the queue next starts what waits.
        _log.warning("the queue did not go on: %s", error)
