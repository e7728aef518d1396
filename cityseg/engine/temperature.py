"""The temperature at which a model's probabilities are worth most, found on val.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (ICML 2017), section 4.2: logits are divided by
one number, chosen for the least negative log-likelihood of the labels. It moves confidence, never the class.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from cityseg.classes import IGNORE_INDEX
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.evaluate import EVALUATION_BATCH

_COOLEST, _HOTTEST, _STEPS = 0.25, 4.0, 65
_EVERY = 3
"""Every third pixel of every third row is asked: neighbours say much the same."""


def fit_temperature(model: nn.Module, split: DeviceSplit, normalization: Normalization) -> float:
    """Return the temperature, 0.25 to 4, rounded to three decimals; 1 where no pixel is labelled.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits, in evaluation mode.
        split: labelled frames that the model was not trained on.
        normalization: what the model expects.
    """
    temperatures = torch.logspace(math.log2(_COOLEST), math.log2(_HOTTEST), _STEPS, base=2).tolist()
    loss = torch.zeros(_STEPS, dtype=torch.float64, device=split.device)
    for first in range(0, len(split), EVALUATION_BATCH):
        batch = slice(first, first + EVALUATION_BATCH)
        labels = split.labels[batch][:, ::_EVERY, ::_EVERY].long()
        with torch.no_grad():
            logits = model(normalization.apply(split.photos[batch])).float()[:, :, ::_EVERY, ::_EVERY]
            for place, temperature in enumerate(temperatures):
                loss[place] += F.cross_entropy(
                    logits / temperature, labels, ignore_index=IGNORE_INDEX, reduction="sum"
                ).double()
    found = loss.cpu()
    if not found.any():
        return 1.0
    best = int(found.argmin())
    if not 0 < best < _STEPS - 1:
        return round(temperatures[best], 3)
    # The vertex of the parabola through the three lowest points, on the logarithmic scale they lie on.
    left, middle, right = found[best - 1 : best + 2].tolist()
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    step = math.log2(_HOTTEST / _COOLEST) / (_STEPS - 1)
    return round(temperatures[best] * 2 ** (shift * step), 3)
