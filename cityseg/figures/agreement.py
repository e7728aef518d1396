"""Colours of an agreement map."""

from __future__ import annotations

import numpy as np

from cityseg.classes import IGNORE_INDEX

MAX_MODELS = 4
_AGREE = (120, 150, 120)
_DISSENT = ((240, 180, 60), (229, 117, 43), (190, 40, 60))
"""Colours for one, two and three dissenting models."""


def legend(models: int) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    """Return name and colour for each number of dissenting models, from none on, among 2 to ``MAX_MODELS`` models."""
    if models == 2:
        return (("same", _AGREE), ("different", _DISSENT[1]))
    names = [f"{models - others} of {models} agree" for others in range(1, models - 1)]
    return (("all agree", _AGREE), *zip([*names, "all differ"], _DISSENT, strict=False))


def colored(dissenting: np.ndarray, models: int) -> np.ndarray:
    """Colour a (H, W) uint8 map of ``analysis.prediction.agreement`` as (H, W, 3) uint8; void is black."""
    palette = np.zeros((IGNORE_INDEX + 1, 3), np.uint8)
    for others, (_, color) in enumerate(legend(models)):
        palette[others] = color
    return np.asarray(palette[dissenting])
