"""The map of where several models agree on a picture, in colours."""

from __future__ import annotations

import numpy as np

from cityseg.classes import IGNORE_INDEX

MOST_MODELS = 4
_SAME = (120, 150, 120)
_APART = ((240, 180, 60), (229, 117, 43), (190, 40, 60))
"""Colours of one, two and three dissenting models."""


def legend(models: int) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    """Return name and colour of each number of dissenting models, from none on, among 2 to ``MOST_MODELS`` models."""
    if models == 2:
        return (("same", _SAME), ("different", _APART[1]))
    names = [f"{models - others} of {models} agree" for others in range(1, models - 1)]
    return (("all agree", _SAME), *zip([*names, "all differ"], _APART, strict=False))


def colored(dissenting: np.ndarray, models: int) -> np.ndarray:
    """Colour a (H, W) uint8 map of ``analysis.agreement`` as (H, W, 3) uint8; black where a model says nothing."""
    palette = np.zeros((IGNORE_INDEX + 1, 3), np.uint8)
    for others, (_, color) in enumerate(legend(models)):
        palette[others] = color
    return palette[dissenting]
