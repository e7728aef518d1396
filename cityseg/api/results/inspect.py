"""Where a result fails: its frames worst first, its confusions, and its scores on parts of a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.analysis.errors import frame_errors, ranking_metric, slices
from cityseg.analysis.errors.slices import Kind, Slice, SliceScore
from cityseg.api.data.connect import connect
from cityseg.api.data.frames import FrameView, frame_view
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.api.models.predict import load_predictor
from cityseg.api.results.label_audit import make_audit
from cityseg.api.results.listing import find_result_folder
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared import cache
from cityseg.data.prepared import statistics as counting
from cityseg.errors import UsageError
from cityseg.inference.upsample import probabilities_at
from cityseg.progress import OnProgress


def inspect(
    model: str,
    split: Split,
    by: str = "macro F1",
    *,
    slice_by: Kind | None = None,
    part: str | None = None,
    spec: str | None = None,
    limit: int = 20,
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Say where a result fails, from its stored confusion matrices.

    Args:
        model: MODEL, with results on ``split``.
        split: val or test.
        by: a measure in words, see ``analysis.ranking``.
        slice_by: what to cut the split by; needs the data, and for rows and single objects the model as well. Single
            objects are scored by recall, whatever else ``by`` names.
        part: a slice by its name, such as "darkest third": frames and confusions are those of its frames alone.
        spec: the dataset, for slices alone.
        limit: frames and confusions that are listed.
        runs: folder of runs.
        on_progress: called with (frames done, frames in all) where slices have to read the frames first.

    Returns:
        Plain values: ``frames``, worst first with their value (a score, or confused pixels); ``confusions``, largest
        share of the true class first; ``slices``, each with frames, pixels, score and its 95 % interval.

    Raises:
        UsageError: an unknown MODEL or measure, a confusion to score slices by, or no such part.
        DataError: no results on the split, or data that lacks its frames.
    """
    run = find_result_folder(model, runs)
    measure = ranking_metric.read_measure(by)
    stored = run.confusions(split)
    ranked = ranking_metric.rank(stored.matrices, measure)
    found: list[Slice] = []
    cut_by = slices.recall_of(measure) if slice_by == "single objects" else measure
    if slice_by is not None:
        if measure.metric is None:
            raise UsageError(f'expected a score to compare slices by, such as "mean IoU", found {by!r}')
        if slice_by in slices.PIXEL_KINDS:
            audit = make_audit(model, spec, split, runs=runs, on_progress=on_progress)
            found = slices.rows(audit.bands) if slice_by == "rows" else slices.single_objects(audit.sizes)
        else:
            prepared = cache.prepare(connect(spec, on_progress), split, STATISTICS_SIZE, on_progress=on_progress)
            counted = counting.compute(prepared, on_progress)
            found = slices.cut(slice_by, stored.matrices, stored.frames, counted, measure.train_id)
    order, matrices = ranked.order, stored.matrices
    if part is not None:
        if slice_by is None:
            raise UsageError(f"expected what cuts the split beside the part {part!r}, found nothing; name it too")
        chosen = slices.named(found, part)
        assert chosen.places is not None
        order, matrices = order[np.isin(order, chosen.places)], chosen.matrices
    return {
        "model": run.id,
        "split": split,
        "by": by,
        "part": part,
        "frames": [{"frame": stored.frames[index], "value": float(ranked.values[index])} for index in order[:limit]],
        "confusions": [
            {
                "label": CLASS_NAMES[pair.truth],
                "predicted": CLASS_NAMES[pair.predicted],
                "pixels": pair.pixels,
                "share": pair.share,
            }
            for pair in frame_errors.confused_pairs(matrices.sum(0), limit)
        ],
        "slice_by": slice_by,
        "slice_score": cut_by.words if slice_by else None,
        "slices": [_plain(score) for score in slices.score_slices(found, cut_by)],
    }


def inspect_pixel(
    models: Sequence[str],
    split: Split,
    frame: str,
    row: int,
    column: int,
    *,
    spec: str | None = None,
    runs: Path | None = None,
) -> dict[str, Any]:
    """Say what one pixel of a frame is, and what models think it is.

    Args:
        models: MODELs.
        split: where the frame is.
        frame: its name.
        row: from the top of the frame as it is stored.
        column: from its left.
        spec: the dataset.
        runs: folder of runs.

    Returns:
        Plain values: ``label`` (None where it is not scored) and per model ``top``, its five most probable classes, and
        ``when_it_says``: what pixels called the first of them are over val, as shares, None where val was not measured.

    Raises:
        UsageError, DataError, CheckpointError: a wrong MODEL, dataset or frame, or a pixel outside it.
    """
    view = frame_view(spec, split, frame)
    height, width = view.train_ids.shape
    if not (0 <= row < height and 0 <= column < width):
        raise UsageError(
            f"{frame}: expected a row below {height} and a column below {width}, found {row},{column}; count from 0 at "
            "the top left"
        )
    truth = int(view.train_ids[row, column])
    return {
        "frame": frame,
        "row": row,
        "column": column,
        "label": CLASS_NAMES[truth] if truth < NUM_CLASSES else None,
        "models": [_thinks(model, view, row, column, runs) for model in models],
    }


def _thinks(model: str, view: FrameView, row: int, column: int, runs: Path | None) -> dict[str, Any]:
    shares = probabilities_at(load_predictor(model, runs).logits(view.photo), view.train_ids.shape, row, column)
    order = np.argsort(-shares, kind="stable")[:5].tolist()
    run = find_result_folder(model, runs)
    turns_out = None
    if run.has_confusions("val"):
        found = frame_errors.truth_when_called(run.confusions("val").matrices.sum(0), order[0])
        likely = np.argsort(-np.nan_to_num(found), kind="stable")
        turns_out = {CLASS_NAMES[index]: float(found[index]) for index in likely.tolist() if found[index] > 0}
    return {
        "model": run.id,
        "top": [{"class": CLASS_NAMES[index], "probability": float(shares[index])} for index in order],
        "when_it_says": {"class": CLASS_NAMES[order[0]], "split": "val", "is": turns_out},
    }


def _plain(score: SliceScore) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return None if np.isnan(value) else value

    return {
        "name": score.name,
        "frames": score.frames,
        "pixels": score.pixels,
        "score": number(score.score),
        "interval": [score.low, score.high] if score.is_sure else None,
    }
