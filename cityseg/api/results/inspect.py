"""Error analysis of a result: worst frames, confusions, slices of a split, and single pixels."""

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
from cityseg.api.results.folders import find_result_folder
from cityseg.api.results.label_audit import audit_labels
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.data.dataset import Split
from cityseg.data.prepared import cache, statistics
from cityseg.errors import UsageError
from cityseg.inference.upsample import probabilities_at
from cityseg.metrics import none_for_nan
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
    """Report where a result fails, from its stored confusion matrices.

    Args:
        model: MODEL, with results on ``split``.
        by: name of a ranking metric, see ``analysis.errors.ranking_metric``.
        slice_by: property to slice the split by; needs the data, and for rows and single objects the model as well.
            Single objects are scored by recall, whichever score ``by`` names.
        part: name of a slice, such as "darkest third": report frames and confusions of its frames alone.
        spec: dataset, for slices alone.
        limit: maximum number of frames and of confusions.

    Returns:
        JSON-ready values: ``frames``, worst first with their value (a score, or confused pixels); ``confusions``,
        largest share of the true class first; ``slices``, each with frames, pixels, score and its 95 % interval, or
        None and the reason in ``no_interval``.

    Raises:
        UsageError: an unknown metric or slice, or a confusion as the score of slices.
        DataError: no results on the split, or data that lacks its frames.
    """
    run = find_result_folder(model, runs)
    metric = ranking_metric.parse_metric(by)
    stored = run.confusions(split)
    ranked = ranking_metric.rank(stored.matrices, metric)
    whole = Slice("whole split", stored.matrices)
    found: list[Slice] = []
    slice_metric = slices.recall_of(metric) if slice_by == "single objects" else metric
    if slice_by is not None:
        if metric.metric is None:
            raise UsageError(f'expected a score to compare slices by, such as "mean IoU", found {by!r}')
        if slice_by in slices.PIXEL_KINDS:
            audit = audit_labels(model, spec, split, runs=runs, on_progress=on_progress)
            found = slices.rows(audit.bands) if slice_by == "rows" else slices.single_objects(audit.sizes)
        else:
            prepared = cache.prepare(connect(spec, on_progress), split, STATISTICS_SIZE, on_progress=on_progress)
            counted = statistics.compute(prepared, on_progress)
            found = slices.cut(slice_by, stored.matrices, stored.frames, counted, metric.train_id)
    order, matrices = ranked.order, stored.matrices
    if part is not None:
        if slice_by is None:
            raise UsageError(f"expected the property to slice by for the slice {part!r}, found none; add --slice")
        chosen = slices.named(found, part)
        assert chosen.places is not None
        order, matrices = order[np.isin(order, chosen.places)], chosen.matrices
    return {
        "model": run.id,
        "split": split,
        "by": metric.name,
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
        "slice_score": slice_metric.name if slice_by else None,
        "slices": [_slice_document(score) for score in slices.score_slices([whole, *found], slice_metric)[1:]]
        if found
        else [],
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
    """Report the label of one pixel and the predictions of several models.

    Row and column count from 0 at the top left of the stored frame; a pixel outside is a UsageError.

    Returns:
        JSON-ready values: ``label`` (None for void) and per model ``top``, its five most probable classes, and
        ``when_it_says``: the distribution of true classes on val among pixels predicted as the first of them, None if
        not evaluated on val.
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
        "models": [_pixel_prediction(model, view, row, column, runs) for model in models],
    }


def _pixel_prediction(model: str, view: FrameView, row: int, column: int, runs: Path | None) -> dict[str, Any]:
    probabilities = probabilities_at(load_predictor(model, runs).logits(view.photo), view.train_ids.shape, row, column)
    top = np.argsort(-probabilities, kind="stable")[:5].tolist()
    run = find_result_folder(model, runs)
    true_classes = None
    if run.has_confusions("val"):
        shares = frame_errors.truth_given_prediction(run.confusions("val").matrices.sum(0), top[0])
        order = np.argsort(-np.nan_to_num(shares), kind="stable").tolist()
        true_classes = {CLASS_NAMES[index]: float(shares[index]) for index in order if shares[index] > 0}
    return {
        "model": run.id,
        "top": [{"class": CLASS_NAMES[index], "probability": float(probabilities[index])} for index in top],
        "when_it_says": {"class": CLASS_NAMES[top[0]], "split": "val", "is": true_classes},
    }


def _slice_document(score: SliceScore) -> dict[str, Any]:
    return {
        "name": score.name,
        "frames": score.frames,
        "pixels": score.pixels,
        "score": none_for_nan(score.value),
        "interval": [score.low, score.high] if score.is_sure else None,
        "no_interval": score.reason or None,
    }
