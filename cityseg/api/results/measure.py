"""Measure models on other data than their own, in this process or in one of its own that anyone can follow and stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cityseg import checkpoint
from cityseg.api.data.connect import connect, data_info
from cityseg.api.data.labels import void_error
from cityseg.api.results.folders import MEASUREMENT, find_result_folder, measured_elsewhere, measurement_folder
from cityseg.api.results.sidecar import REMEDY
from cityseg.data.batches import DeviceSplit
from cityseg.data.dataset import Dataset, Split, default_data
from cityseg.data.prepared import cache
from cityseg.engine import evaluate as engine
from cityseg.engine.runtime.device import best_device
from cityseg.engine.scoring import with_provenance, write_counts
from cityseg.errors import DataError, UsageError
from cityseg.files import DAMAGE, read_json, write_json, writing
from cityseg.jobs import launcher
from cityseg.jobs.record import JobRecord, JobStatus
from cityseg.memory import enough_memory
from cityseg.metrics import summarize
from cityseg.progress import OnProgress
from cityseg.runs import Run, runs_root
from cityseg.text import folder_name

_JOB = ".measuring"


@dataclass(frozen=True)
class Measuring:
    """The job that measures models, the latest of a folder of runs."""

    status: JobStatus  # its phase is the model that is being measured
    models: tuple[str, ...]  # the models to measure
    data: str  # the dataset as ``connect`` takes it
    split: Split
    results: tuple[str, ...]  # ids of the results that are finished, in the order of ``models``


@enough_memory("to measure this model on these frames", "choose a smaller model")
def measure(
    model: str, spec: str | None, split: Split, *, runs: Path | None = None, on_progress: OnProgress | None = None
) -> str:
    """Score a model on a split at the labels' own size, in float32, and store the counts with the result.

    They are stored as ``MODEL@DATASET``, which ``find_result`` and the lists of Compare and Inspect accept like a
    run's id. Nothing is stored if the model's own scores were measured on these very frames.

    Returns:
        The id of the result that holds the scores.

    Raises:
        UsageError: an unknown model, or a dataset without this split.
        DataError: unusable frames, no labelled pixel, or a folder that cannot be written.
    """
    run = Run(find_result_folder(model, runs).folder)
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    dataset = connect(spec, on_progress)
    frames = cache.prepare(dataset, split, card.image_size, on_progress=on_progress)
    own = card.scores.get(split, {})
    if own.get("fingerprint") == frames.meta.fingerprint and not own.get("size") and run.has_confusions(split):
        return run.id
    result = engine.evaluate(
        network,
        DeviceSplit(frames, device),
        card.normalization,
        truth=frames.truth,
        detailed=True,
        temperature=card.temperature,
        on_progress=on_progress,
    )
    if not result.confusions.any():
        raise void_error(dataset.name, split, len(frames))
    place, scores = _place(run, dataset, runs)
    document = {
        "spec": _identity(dataset),
        "data": data_info(dataset).description,
        "weights": checkpoint.weights_digest(run.checkpoint),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with writing(place.counts, REMEDY):
        place.counts.mkdir(parents=True, exist_ok=True)
        if scores.pop(split, None):
            # A kill between two files must not leave new counts beside old scores.
            write_json(place.counts / MEASUREMENT, {**document, "scores": scores})
        write_counts(place, split, frames, result)
        scores[split] = with_provenance(summarize(result.confusions), frames)
        write_json(place.counts / MEASUREMENT, {**document, "scores": scores})
    return place.id


def _place(run: Run, dataset: Dataset, runs: Path | None) -> tuple[Run, dict[str, Any]]:
    """Return the folder for counts on ``dataset``, and the scores of other splits that are stored there and hold."""
    taken = {}
    for other in measured_elsewhere(run, runs):
        try:
            taken[other.counts.name] = read_json(other.counts / MEASUREMENT)
        except (OSError, *DAMAGE):
            taken[other.counts.name] = {}
    name = folder_name("synthetic" if dataset.kind == "synthetic" else dataset.root.resolve().name) or "data"
    for number in range(1, len(taken) + 2):
        candidate = name if number == 1 else f"{name}-{number}"
        stored = taken.get(candidate, {})
        if not stored or stored.get("spec") == _identity(dataset):
            break
    current = stored.get("weights") == checkpoint.weights_digest(run.checkpoint)
    scores: Any = stored.get("scores")
    return measurement_folder(run, candidate, runs), scores if current and isinstance(scores, dict) else {}


def _identity(dataset: Dataset) -> str:
    return "synthetic" if dataset.kind == "synthetic" else str(dataset.root.resolve())


def start_measuring(models: Sequence[str], spec: str | None, split: Split, runs: Path | None = None) -> None:
    """Start ``cityseg measure`` as a process of its own.

    Raises:
        UsageError: no model, an unknown one, a wrong dataset, or one without this split; or such a process runs.
        DataError: the folder of runs cannot be written.
    """
    if not models:
        raise UsageError("expected at least one model to measure, found none; choose one")
    for model in models:
        find_result_folder(model, runs)
    dataset = connect(spec)
    if not dataset.splits[split]:
        raise DataError(f"{dataset.name}: expected frames in {split}, found none; choose another split")
    record = _record(runs)
    with writing(record.path.parent, REMEDY), record.locked():
        status = record.read()
        if status is not None and status.state == "running":
            raise UsageError("expected no other measurement, found one that runs; wait for it or stop it")
        command = ["measure", *models, "--data", spec or default_data(), "--split", split]
        command += ["--runs", str(runs)] if runs else []
        record.begin(launcher.start_detached(command, record.log), _job(models, spec, split, ()))


def find_measuring(runs: Path | None = None) -> Measuring | None:
    """Return the latest job that measures models, or None if there never was one."""
    status = _record(runs).read()
    try:
        return None if status is None else Measuring(status, **_arguments(status.result))
    except (KeyError, TypeError, ValueError):
        return None


def _arguments(job: Any) -> dict[str, Any]:
    lists = {key: tuple(str(each) for each in job[key]) for key in ("models", "results")}
    return {**lists, "data": str(job["data"]), "split": str(job["split"])}


def stop_measuring(runs: Path | None = None) -> None:
    """Ask a running measurement to end; finished models keep their scores."""
    _record(runs).stop()


def measure_recorded(
    models: Sequence[str],
    spec: str | None,
    split: Split,
    *,
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> list[str]:
    """Call ``measure`` for every model, recorded for ``find_measuring``; SIGTERM and Ctrl-C stop it.

    Returns:
        The ids of the results, in the order of ``models``.

    Raises:
        Stopped: a request to stop; finished models keep their scores.
    """
    record = _record(runs)
    results: list[str] = []

    with writing(record.path.parent, REMEDY):
        record.path.parent.mkdir(parents=True, exist_ok=True)
    words = "stopped by {} after {} of {} models"
    job = _job(models, spec, split, ())
    with record.recorded(lambda name: words.format(name, len(results), len(models)), job):
        for model in dict.fromkeys(models):

            def note(done: int, total: int, model: str = model) -> None:
                record.note(model, done, total, _job(models, spec, split, results))
                if on_progress:
                    on_progress(done, total)

            results.append(measure(model, spec, split, runs=runs, on_progress=note))
        record.finish(_job(models, spec, split, results))
    return results


def _job(models: Sequence[str], spec: str | None, split: Split, results: Sequence[str]) -> dict[str, Any]:
    return {"models": [*models], "data": spec or default_data(), "split": split, "results": [*results]}


def _record(runs: Path | None) -> JobRecord:
    folder = runs_root(runs) / _JOB
    return JobRecord(folder / "status.json", folder / "log.txt", folder / "lock", "measurement")
