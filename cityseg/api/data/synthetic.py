"""One street drawn on the spot, with the true class of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.data.synthetic import Daytime, Weather, render
from cityseg.classes import to_train_ids

SIZE = (512, 1024)
"""(height, width) of a drawn street, pixels."""


@dataclass(frozen=True)
class DrawnStreet:
    """A street as the synthetic set draws it.

    Attributes:
        photo: (H, W, 3) uint8.
        train_ids: (H, W) uint8, 255 for void.
        weather, daytime: what it was drawn in.
    """

    photo: np.ndarray
    train_ids: np.ndarray
    weather: Weather
    daytime: Daytime


def draw_street(seed: int, size: tuple[int, int] = SIZE) -> DrawnStreet:
    """Draw the street of a seed at (height, width) pixels.

    Raises:
        UsageError: a negative seed, or a size below 32.
    """
    scene = render(seed, size=size)
    return DrawnStreet(scene.photo, to_train_ids(scene.label_ids), scene.weather, scene.daytime)
