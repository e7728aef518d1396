"""Temperature scaling of a model's probabilities, fitted on val.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (ICML 2017), section 4.2: logits are divided by
one number that minimises the negative log-likelihood of the labels. It changes confidence, never the class.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from cityseg.classes import IGNORE_INDEX
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.evaluate import EVALUATION_BATCH

_MIN, _MAX, _STEPS = 0.25, 4.0, 65
_STRIDE = 3
"""Every third pixel of every third row is used: neighbouring pixels are nearly redundant."""


def fit_temperature(model: nn.Module, split: DeviceSplit, normalization: Normalization) -> float:
    """Return the temperature, 0.25 to 4, rounded to three decimals; 1 if no pixel is labelled.

    The model is in evaluation mode and was not trained on the frames.
    """
    temperatures = torch.logspace(math.log2(_MIN), math.log2(_MAX), _STEPS, base=2).tolist()
    total = torch.zeros(_STEPS, dtype=torch.float64, device=split.device)
    for first in range(0, len(split), EVALUATION_BATCH):
        batch = slice(first, first + EVALUATION_BATCH)
        labels = split.labels[batch][:, ::_STRIDE, ::_STRIDE].long()
        with torch.no_grad():
            logits = model(normalization.apply(split.photos[batch])).float()[:, :, ::_STRIDE, ::_STRIDE]
            for step, temperature in enumerate(temperatures):
                scaled = logits / temperature
                total[step] += F.cross_entropy(scaled, labels, ignore_index=IGNORE_INDEX, reduction="sum").double()
    loss = total.cpu()
    if not loss.any():
        return 1.0
    best = int(loss.argmin())
    if not 0 < best < _STEPS - 1:
        result: float = round(temperatures[best], 3)
        return result
    # The vertex of the parabola through the three lowest points, on their logarithmic scale.
    left, middle, right = loss[best - 1 : best + 2].tolist()
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    step_size = math.log2(_MAX / _MIN) / (_STEPS - 1)
    fitted: float = round(temperatures[best] * 2 ** (shift * step_size), 3)
    return fitted
