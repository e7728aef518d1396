"""The map of a dataset: what a model's encoder sees in every frame, laid out so that similar frames lie together.

Computing takes minutes, so the app starts ``cityseg data map`` as a process of its own and follows its record. The map
is stored beside the caches, for every model that was used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from cityseg import checkpoint
from cityseg.analysis.dataset.embedding import layout
from cityseg.api.data.connect import connect, data_info
from cityseg.api.data.prepare import STATISTICS_SIZE, prepare
from cityseg.api.models.predict import load_predictor, model_folder
from cityseg.api.results.listing import ConnectedData, list_results, usable_models
from cityseg.data.dataset import Split, default_data
from cityseg.data.prepared.cache import CachedSplit, cache_root
from cityseg.data.prepared.cache_lock import write_errors
from cityseg.data.prepared.feature_map import FeatureMap, map_path, read_map, write_map
from cityseg.errors import UsageError
from cityseg.inference.features import pooled_features
from cityseg.jobs import launcher
from cityseg.jobs.record import JobRecord, JobStatus
from cityseg.progress import part_of
from cityseg.runs import runs_root
from cityseg.text import home_expanded

PREPARING, FEATURES, LAYOUT = "preparing", "features", "layout"
"""Phases of the computation; the last has no steps that are known beforehand."""


def default_map_model(spec: str | None = None, runs: Path | None = None) -> str:
    """Return the best model for a dataset, as ``usable_models`` ranks them; UsageError if no model has weights."""
    data = connect(spec)
    models = usable_models(list_results(runs), ConnectedData.of(data, data_info(data).description))
    if not models:
        raise UsageError("expected a model with weights, found none; train one or name one with --model")
    return models[0].id


def find_feature_map(model: str, prepared: Mapping[Split, CachedSplit], runs: Path | None = None) -> FeatureMap | None:
    """Return the stored map of prepared splits as MODEL sees them, None if it is not computed."""
    path = map_path(prepared, checkpoint.weights_digest(model_folder(model, runs)))
    return read_map(path, prepared)


def feature_map(
    model: str,
    spec: str | None = None,
    runs: Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> FeatureMap:
    """Return the map of a dataset as MODEL sees it, computing it if it is not stored; recorded for ``find_map_job``.

    Frames are read at the size of the statistics, 128x256, which the Dataset page has prepared already. SIGTERM and
    Ctrl-C stop the computation.

    Args:
        on_progress: called with (phase, frames done, frames in all); the phase ``layout`` has 0 frames in all.

    Raises:
        Stopped: a request to stop.
        UsageError: MODEL has no encoder that is known here.
        DataError: an unusable frame, or a cache that cannot be written.
    """
    spec = spec or default_data()
    folder = model_folder(model, runs)
    record = _record(spec, folder)

    def note(phase: str, done: int, total: int) -> None:
        record.note(phase, done, total)
        if on_progress:
            on_progress(phase, done, total)

    with record.recorded(lambda name: f"{spec}: stopped by {name} before its map was computed"):
        prepared = prepare(spec, STATISTICS_SIZE, lambda done, total: note(PREPARING, done, total))
        path = map_path(prepared, checkpoint.weights_digest(folder))
        found = read_map(path, prepared)
        if found is None:
            predictor = load_predictor(str(folder))
            before, total, parts = 0, sum(map(len, prepared.values())), []
            for cached in prepared.values():
                part = part_of(lambda done, total: note(FEATURES, done, total), before, total)
                parts.append(pooled_features(predictor, cached, part))
                before += len(cached)
            features = np.concatenate(parts)
            note(LAYOUT, 0, 0)
            found = FeatureMap.of(prepared, features, layout(features))
            with write_errors(path.parent):
                write_map(path, found)
    return found


def start_feature_map(model: str, spec: str | None = None, runs: Path | None = None) -> JobStatus:
    """Start ``cityseg data map`` as a process of its own, unless one is running already."""
    spec = spec or default_data()
    if spec != "synthetic":
        connect(spec)
    record = _record(spec, model_folder(model, runs))
    with write_errors(record.path.parent), record.locked():
        status = record.read()
        if status is None or status.state != "running":
            command = ["data", "map", "--data", spec, "--model", model, "--runs", str(runs_root(runs)), "--json"]
            record.begin(launcher.start_detached(command, record.log))
            status = JobStatus("running", 0, 0, None, None)
    return status


def find_map_job(model: str, spec: str | None = None, runs: Path | None = None) -> JobStatus | None:
    """Return the state of the latest computation of a map, or None if there never was one."""
    return _record(spec or default_data(), model_folder(model, runs)).read()


def stop_feature_map(model: str, spec: str | None = None, runs: Path | None = None) -> None:
    """Ask a running computation to end. Does nothing unless it runs on this machine."""
    _record(spec or default_data(), model_folder(model, runs)).stop()


def _record(spec: str, model: Path) -> JobRecord:
    place = spec if spec == "synthetic" else str(home_expanded(spec).resolve())
    digest = hashlib.sha256(f"{place}\n{checkpoint.weights_digest(model)}".encode())
    name = f"map-{digest.hexdigest()[:16]}"
    root = cache_root()
    return JobRecord(root / f"{name}.json", root / f"{name}.log", root / ".locks" / name, "map")
