"""Class weights of cross-entropy from the pixel share of each class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def class_weights(rule: str, share: np.ndarray) -> Tensor | None:
    """Return (19,) float32 weights of cross-entropy from the pixel share of each class; None for equal weights, also if
    no class occurs.

    ``log``: 1 / ln(1.1 + share), the rule of ENet (Paszke et al., arXiv 1606.02147, section 5.2) with a bound of 10.5.
    ``median``: median share / share (Eigen and Fergus, arXiv 1411.4734, section 6.3.2, by pixels of the whole split).
    ``inverse-root``: 1 / sqrt(share), scaled to a mean of 1. The last two omit classes that never occur.
    """
    present = share > 0
    if rule == "none" or not present.any():
        return None
    if rule == "log":
        weights = 1 / np.log(1.1 + share)
    elif rule == "median":
        weights = np.divide(np.median(share[present]), share, out=np.zeros_like(share), where=present)
    else:
        weights = np.divide(1, np.sqrt(share), out=np.zeros_like(share), where=present)
        weights /= weights[present].mean()
    return torch.tensor(weights, dtype=torch.float32)
