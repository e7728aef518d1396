"""Offsets of the classes' logits at which macro F1 is highest, found on training frames.

The most probable class is the best answer for the share of right pixels. Macro F1 counts every class alike, so a rare
class should be named well before it is the most probable one: the best decision for such a measure is still a
comparison of probabilities, with a threshold of each class's own (Koyejo, Natarajan, Ravikumar and Dhillon,
"Consistent Binary Classification with Generalized Performance Metrics", NIPS 2014; per class). Added to the bias of
the last layer, the thresholds cost nothing when a photo is predicted.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cityseg.data.batches import DeviceSplit, Normalization, generator
from cityseg.engine.evaluate import EVALUATION_BATCH
from cityseg.labels import IGNORE_INDEX, NUM_CLASSES

MOST_FRAMES = 1_000
PIXELS = 256
"""Pixels asked of each frame; those of one frame say much the same."""
LARGEST = 2.0
"""No offset is larger: a class that would need more is not seen, and naming it everywhere would only flatter F1."""
_ROUNDS = 3
_ROUNDING = 1e-9


def fit_offsets(model: nn.Module, split: DeviceSplit, normalization: Normalization) -> list[float]:
    """Return (19,) what to add to the logits of each class, rounded to three decimals.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits, in evaluation mode.
        split: labelled frames the model was trained on, so that val and test stay untouched.
        normalization: what the model expects.
    """
    logits, labels = _sample(model, split, normalization)
    return [round(float(offset), 3) for offset in best_offsets(logits, labels)]


def best_offsets(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (19,) float64 offsets within ``LARGEST`` of zero, found class after class, each one exactly.

    A round begins with the class that gains most: another one would take its pixels meanwhile, and keep them.

    Args:
        logits: (P, 19) floating point, of any pixels.
        labels: (P,) integer train ids of the same pixels, without void.
    """
    shifted = logits.copy()
    offsets = np.zeros(NUM_CLASSES)
    for _ in range(_ROUNDS):
        gains = [_best_step(shifted, labels, train_id, offsets[train_id])[1] for train_id in range(NUM_CLASSES)]
        for train_id in np.argsort(gains)[::-1]:
            step, _ = _best_step(shifted, labels, train_id, offsets[train_id])
            offsets[train_id] += step
            shifted[:, train_id] += step
    return offsets


def _best_step(logits: np.ndarray, labels: np.ndarray, train_id: int, offset: float) -> tuple[float, float]:
    """Return how far to move one class's logit so that macro F1 is highest, and that F1; 0 where nothing is gained.

    Raising it, pixels turn to the class one by one, in the order of how far it is behind the best of the others.
    """
    others = logits.copy()
    others[:, train_id] = -np.inf
    rival = others.argmax(1)
    needed = others[np.arange(len(labels)), rival] - logits[:, train_id]
    order = needed.argsort(kind="stable")
    needed, rival, truth = needed[order], rival[order], labels[order]
    support = np.bincount(labels, minlength=NUM_CLASSES)
    # Entry n: what turning the n-th pixel adds to the sum of F1, which it changes for two classes, this one and its
    # rival; entry 0: the sum while none has turned.
    own = _f1(np.append(0, np.cumsum(truth == train_id)), np.arange(len(labels) + 1), support[train_id])
    change = np.diff(own, prepend=0.0)
    for other in np.flatnonzero(support):
        if other != train_id:
            turned = np.flatnonzero(rival == other)
            hits, predicted = np.cumsum(np.append(0, truth[turned] == other)), np.arange(len(turned) + 1)
            f1 = _f1(hits[-1] - hits, predicted[-1] - predicted, support[other])
            change[0] += f1[0]
            change[1 + turned] += np.diff(f1)
    score = np.cumsum(change) / np.count_nonzero(support)
    # The step between two pixels lies in the middle of them; beyond the last ones, as far from them as is allowed.
    edges = np.concatenate([[-LARGEST - offset], needed, [LARGEST - offset]])
    steps = np.clip((edges[:-1] + edges[1:]) / 2, -LARGEST - offset, LARGEST - offset)
    score = score[np.searchsorted(needed, np.append(steps, 0.0), side="left")]
    best = score[:-1].argmax()
    return (float(steps[best]), float(score[best])) if score[best] > score[-1] + _ROUNDING else (0.0, float(score[-1]))


def _f1(hits: np.ndarray, predicted: np.ndarray, support: int) -> np.ndarray:
    return 2 * hits / np.maximum(predicted + support, 1)


def _sample(model: nn.Module, split: DeviceSplit, normalization: Normalization) -> tuple[np.ndarray, np.ndarray]:
    """Return (P, 19) float32 logits and (P,) int64 train ids of pixels drawn evenly from frames spread evenly."""
    frames = torch.linspace(0, len(split) - 1, min(MOST_FRAMES, len(split))).long()
    random = generator(0, 0)
    logits, labels = [], []
    for batch in frames.split(EVALUATION_BATCH):
        photos, truth = split.at(batch.to(split.device))
        pixels = truth[0].numel()
        places = torch.randint(pixels, (len(batch), min(PIXELS, pixels)), generator=random).to(split.device)
        with torch.no_grad():
            found = model(normalization.apply(photos)).float().flatten(2)
        asked = found.gather(2, places[:, None].expand(-1, NUM_CLASSES, -1)).transpose(1, 2).flatten(0, 1)
        right = truth.flatten(1).gather(1, places).flatten().long()
        scored = right != IGNORE_INDEX
        logits.append(asked[scored].cpu())
        labels.append(right[scored].cpu())
    return torch.cat(logits).numpy(), torch.cat(labels).numpy()
