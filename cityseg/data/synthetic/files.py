"""The frames of a synthetic dataset and their files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cityseg.data.synthetic.scene import Scene

MOST_FRAMES = 1_000_000
CITIES = {"train": ("alderford", "brackwell", "corvenham"), "val": ("dunmouth", "elmstead")}

_COMPRESSION = 1
"""Higher levels take up to five times as long and save 5 % of a photo's size."""


class PlannedFrame(NamedTuple):
    """A frame to render: its place in the dataset and the seed of its scene."""

    split: str
    city: str
    sequence: int
    number: int
    seed: int

    @property
    def stem(self) -> str:
        return f"{self.city}_{self.sequence:06d}_{self.number:06d}"


def plan(frames: int, seed: int) -> list[PlannedFrame]:
    """Return all frames of a dataset: about 70 % train, the rest val; the two share no city."""
    val = max(2, round(0.3 * frames))
    planned: list[PlannedFrame] = []
    for split, count in (("train", frames - val), ("val", val)):
        cities = CITIES[split]
        for index in range(count):
            place = index * len(cities) // count
            first = -(-place * count // len(cities))
            # Seeds of two datasets never overlap, however large these are.
            scene_seed = seed * MOST_FRAMES + len(planned)
            planned.append(PlannedFrame(split, cities[place], index - first, 19, scene_seed))
    return planned


def make_folders(root: Path, planned: list[PlannedFrame]) -> None:
    """Create the folders that ``write`` writes to."""
    for split, city in sorted({(frame.split, frame.city) for frame in planned}):
        for kind in ("leftImg8bit", "gtFine"):
            (root / kind / split / city).mkdir(parents=True)


def write(root: Path, frame: PlannedFrame, scene: Scene) -> None:
    """Write a frame's photo, label ids and 16-bit instance ids."""
    photos = root / "leftImg8bit" / frame.split / frame.city
    labels = root / "gtFine" / frame.split / frame.city
    for pixels, path in (
        (scene.photo, photos / f"{frame.stem}_leftImg8bit.png"),
        (scene.label_ids, labels / f"{frame.stem}_gtFine_labelIds.png"),
        (scene.instance_ids, labels / f"{frame.stem}_gtFine_instanceIds.png"),
    ):
        Image.fromarray(pixels).save(path, compress_level=_COMPRESSION)
