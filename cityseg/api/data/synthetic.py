"""Render synthetic datasets and single synthetic scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cityseg.api.data.connect import DataInfo, data_info
from cityseg.classes import to_train_ids
from cityseg.data.synthetic import Daytime, Weather, render
from cityseg.data.synthetic import synthesize as render_set
from cityseg.files import writing
from cityseg.progress import OnProgress

SIZE = (512, 1024)
"""(height, width) of a scene in pixels."""


@dataclass(frozen=True)
class SyntheticScene:
    """A synthetic scene with its ground truth."""

    photo: np.ndarray  # (H, W, 3) uint8
    train_ids: np.ndarray  # (H, W) uint8, 255 for void
    weather: Weather
    daytime: Daytime


def render_scene(seed: int, size: tuple[int, int] = SIZE) -> SyntheticScene:
    """Render the scene of a seed at (height, width) pixels; UsageError for a negative seed or a side below 32."""
    scene = render(seed, size=size)
    return SyntheticScene(scene.photo, to_train_ids(scene.label_ids), scene.weather, scene.daytime)


def synthesize(
    dest: Path,
    frames: int,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    *,
    size: tuple[int, int] = (256, 512),
    weather: Weather | None = None,
    daytime: Daytime | None = None,
) -> DataInfo:
    """Render a synthetic dataset into a new folder in the Cityscapes layout, on all cores.

    If None, weather and time of day are sampled per frame: mostly clear, mostly day.

    Raises:
        UsageError: too few frames, an invalid size, weather or time of day, or a folder that is not empty.
        DataError: the folder cannot be written.
    """
    with writing(dest):
        render_set(dest, frames=frames, seed=seed, size=size, weather=weather, daytime=daytime, on_progress=on_progress)
    return data_info(str(dest))
