"""Writes the synthetic street set in the official folder layout."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from cityseg.data.synthetic.files import MOST_FRAMES, make_folders, plan
from cityseg.data.synthetic.parallel import draw, draw_in_parallel
from cityseg.data.synthetic.scene import check_request
from cityseg.data.synthetic.weather import Daytime, Weather
from cityseg.errors import UsageError

GENERATOR_VERSION = 2
"""Raised whenever the same seed would give other frames."""

RECIPE = "synthetic.json"


def drawn_version(folder: Path) -> int | None:
    """Return the generator version that drew the set in ``folder``; None where there is no readable set."""
    try:
        version = json.loads((folder / RECIPE).read_text(encoding="utf-8"))["generator_version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, int) else None


def synthesize(
    dest: Path,
    *,
    frames: int,
    seed: int = 0,
    size: tuple[int, int] = (256, 512),
    weather: Weather | None = None,
    daytime: Daytime | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
    replace: bool = False,
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
        daytime: None draws it per frame, mostly day.
        on_progress: called with (frames written, frames wanted) after every frame.
        workers: processes that draw; the frames do not depend on it.
        replace: put the new set in the place of one drawn before.

    Raises:
        UsageError: too few frames, a wrong size, seed, weather or time of day, or a ``dest`` that is taken.
        OSError: the files cannot be written.
    """
    check_request(seed, size, weather, daytime)
    if not 3 <= frames <= MOST_FRAMES:
        raise UsageError(f"expected 3 to {MOST_FRAMES} frames, found {frames}; a set needs 1 train and 2 val frames")
    dest = Path(dest)
    replaced = replace and drawn_version(dest) is not None
    if not replaced:
        _check_place(dest)
    dest.parent.mkdir(parents=True, exist_ok=True)
    # A sibling lies on the same file system, so that the last step is one rename.
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.parent) as scratch:
        root = Path(scratch) / "set"
        planned = plan(frames, seed)
        make_folders(root, planned)
        if workers > 1:
            drawing = draw_in_parallel(root, planned, size, weather, daytime, workers)
        else:
            drawing = draw(root, planned, size, weather, daytime)
        for done, _ in enumerate(drawing, start=1):
            if on_progress is not None:
                on_progress(done, frames)
        recipe = {
            "name": "synthetic",
            "frames": frames,
            "seed": seed,
            "size": list(size),
            "weather": weather,
            "daytime": daytime,
            "generator_version": GENERATOR_VERSION,
        }
        (root / RECIPE).write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
        if replaced:
            dest.rename(Path(scratch) / "replaced")
        elif dest.exists():
            dest.rmdir()
        root.rename(dest)


def _check_place(dest: Path) -> None:
    """Refuse to write over anything."""
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        found = "one that holds something" if dest.is_dir() else "a file"
        raise UsageError(
            f"{dest}: expected a new or empty folder, found {found}; choose another place or remove it first"
        )
