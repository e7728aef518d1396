"""Final scores of a model on val and test, in float32, with every count that is stored beside the matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from cityseg.checkpoint import ModelCard
from cityseg.config.presets import BUDGETS
from cityseg.data.batches import DeviceSplit
from cityseg.data.dataset import Split
from cityseg.data.prepared.cache import LABEL_POLICY, CachedSplit
from cityseg.engine.evaluate import Evaluation, evaluate
from cityseg.engine.temperature import fit_temperature
from cityseg.metrics import summarize
from cityseg.progress import OnProgress
from cityseg.runs import Run

SCORED_SPLITS: tuple[Split, ...] = ("val", "test")
"""Splits that a trained model is scored on."""


def score_splits(
    model: nn.Module,
    card: ModelCard,
    splits: Mapping[Split, CachedSplit],
    on_device: Mapping[Split, DeviceSplit],
    on_scored: Callable[[Split, Evaluation], None],
    on_progress: OnProgress | None = None,
) -> ModelCard:
    """Score a model on val and test, as far as present, after fitting its temperature on val.

    Predictions are compared with each label at the label's own size. A preset within a budget of the first study, whose
    figures were measured at the network's size, is scored at that size as well. The model is in evaluation mode;
    ``on_scored`` is called with each split and its evaluation.

    Returns:
        The card with the ``scores`` and ``network_scores`` of these splits alone, and the ``temperature``.
    """
    temperature = card.temperature
    if "val" in on_device:
        temperature = fit_temperature(model, on_device["val"], card.normalization)
    scores: dict[str, Any] = {}
    network_scores: dict[str, Any] = {}
    within_budget = card.training.get("recipe", {}).get("preset") in BUDGETS
    for split in SCORED_SPLITS:
        if split in on_device:
            result = evaluate(
                model,
                on_device[split],
                card.normalization,
                detailed=True,
                temperature=temperature,
                truth=splits[split].truth,
                on_progress=on_progress,
            )
            scores[split] = with_provenance(summarize(result.confusions), splits[split])
            on_scored(split, result)
            if within_budget:
                counts = evaluate(model, on_device[split], card.normalization).confusions
                network_scores[split] = with_provenance(summarize(counts), splits[split], splits[split].size)
    return replace(card, scores=scores, network_scores=network_scores, temperature=temperature)


def score_into(
    run: Run,
    model: nn.Module,
    card: ModelCard,
    splits: Mapping[Split, CachedSplit],
    device: torch.device,
    on_progress: OnProgress | None = None,
) -> ModelCard:
    """Score a model with ``score_splits`` and write all counts into a run's folder; return the updated card."""

    def write(split: Split, result: Evaluation) -> None:
        write_counts(run, split, splits[split], result)

    on_device = {split: DeviceSplit(cached, device) for split, cached in splits.items()}
    return score_splits(model.to(device).eval(), card, splits, on_device, write, on_progress)


def write_counts(run: Run, split: Split, cached: CachedSplit, result: Evaluation, **others: np.ndarray) -> None:
    """Write the counts of a detailed pass into a run's folder; ``others`` are (N, 19, 19) matrices of other weights."""
    assert result.detail is not None
    run.write_confusions(split, cached.meta.frames, best=result.confusions, **others)
    run.write_detail(split, cached.meta.frames, **vars(result.detail))


def with_provenance(summary: dict[str, Any], split: CachedSplit, size: tuple[int, int] | None = None) -> dict[str, Any]:
    """Add to a split's scores what makes two of them comparable: data fingerprint, size and label policy.

    Args:
        summary: figures of ``metrics.summarize``.
        split: the frames.
        size: (height, width) that all frames were scored at, None for each label's own size.
    """
    if size is None and split.truth is None:
        size = split.size
    return {
        **summary,
        "fingerprint": split.meta.fingerprint,
        "size": None if size is None else list(size),
        "label_policy": LABEL_POLICY,
    }
