"""Writes the synthetic street set in the official folder layout."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from cityseg.data.synthetic.scene import check_request, render
from cityseg.data.synthetic.weather import Weather
from cityseg.errors import UsageError
from cityseg.labels import LABELS

GENERATOR_VERSION = 1
"""Raised whenever the same seed would give other frames."""

CITIES = {"train": ("alderford", "brackwell", "corvenham"), "val": ("dunmouth", "elmstead")}
MOST_FRAMES = 1_000_000

_COLORS = np.zeros((256, 3), dtype=np.uint8)
for _label in LABELS:
    _COLORS[_label.id % 256] = _label.color


class _Frame(NamedTuple):
    split: str
    city: str
    sequence: int
    number: int
    seed: int

    @property
    def stem(self) -> str:
        return f"{self.city}_{self.sequence:06d}_{self.number:06d}"


def synthesize(
    dest: Path,
    *,
    frames: int,
    seed: int = 0,
    size: tuple[int, int] = (256, 512),
    weather: Weather | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> None:
    """Write a set of street scenes as ``dest/leftImg8bit`` and ``dest/gtFine``, and its recipe as ``synthetic.json``.

    About 70 % of the frames are the split train, the others val; the two share no city. The set appears at
    ``dest`` only when it is complete.

    Args:
        dest: folder to create; it must not exist, or be empty.
        frames: how many to draw, 3 or more.
        seed: which set; every seed is another one.
        size: (height, width) of the frames, pixels.
        weather: None draws it per frame, mostly clear.
        on_progress: called with (frames written, frames wanted) after every frame.
        workers: processes that draw; the frames do not depend on it.

    Raises:
        UsageError: too few frames, a wrong size, seed or weather, or a ``dest`` that is taken.
    """
    check_request(seed, size, weather)
    if not 3 <= frames <= MOST_FRAMES:
        raise UsageError(f"expected 3 to {MOST_FRAMES} frames, found {frames}; a set needs 1 train and 2 val frames")
    dest = Path(dest)
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        found = "one that holds something" if dest.is_dir() else "a file"
        raise UsageError(
            f"{dest}: expected a new or empty folder, found {found}; choose another place or remove it first"
        )
    dest.parent.mkdir(parents=True, exist_ok=True)
    # A sibling lies on the same file system, so that the last step is one rename.
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.parent) as scratch:
        root = Path(scratch) / "set"
        plan = _plan(frames, seed)
        for folder in sorted({(frame.split, frame.city) for frame in plan}):
            for kind in ("leftImg8bit", "gtFine"):
                (root / kind / folder[0] / folder[1]).mkdir(parents=True)
        write = partial(_write, root, size, weather)
        for done, _ in enumerate(_run(write, plan, workers), start=1):
            if on_progress is not None:
                on_progress(done, frames)
        recipe = {
            "name": "synthetic",
            "frames": frames,
            "seed": seed,
            "size": list(size),
            "weather": weather,
            "generator_version": GENERATOR_VERSION,
        }
        (root / "synthetic.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
        if dest.exists():
            dest.rmdir()
        shutil.move(root, dest)


def _run(write: Callable[[_Frame], None], plan: list[_Frame], workers: int) -> Iterator[None]:
    if workers <= 1:
        yield from map(write, plan)
        return
    # Forking a process that holds threads (a training run, an app) can hang; spawning cannot.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(write, plan, chunksize=4)


def _plan(frames: int, seed: int) -> list[_Frame]:
    """Which frame belongs to which split and city, and which scene seed draws it."""
    val = max(2, round(0.3 * frames))
    plan: list[_Frame] = []
    for split, count in (("train", frames - val), ("val", val)):
        cities = CITIES[split]
        for index in range(count):
            place = index * len(cities) // count
            first = -(-place * count // len(cities))
            # One seed's scenes never return in another set, however large the sets are.
            scene_seed = seed * MOST_FRAMES + len(plan)
            plan.append(_Frame(split, cities[place], index - first, 19, scene_seed))
    return plan


def _write(root: Path, size: tuple[int, int], weather: Weather | None, frame: _Frame) -> None:
    scene = render(frame.seed, size=size, weather=weather)
    photos = root / "leftImg8bit" / frame.split / frame.city
    truth = root / "gtFine" / frame.split / frame.city
    Image.fromarray(scene.photo).save(photos / f"{frame.stem}_leftImg8bit.png")
    Image.fromarray(scene.label_ids).save(truth / f"{frame.stem}_gtFine_labelIds.png")
    Image.fromarray(scene.instance_ids).save(truth / f"{frame.stem}_gtFine_instanceIds.png")
    Image.fromarray(_COLORS[scene.label_ids]).save(truth / f"{frame.stem}_gtFine_color.png")
