"""Write a synthetic dataset in the Cityscapes folder layout."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from cityseg.data.synthetic.files import MOST_FRAMES, make_folders, plan
from cityseg.data.synthetic.parallel import render_frames, render_in_parallel, worker_count
from cityseg.data.synthetic.scene import check_request
from cityseg.data.synthetic.weather import Daytime, Weather
from cityseg.errors import UsageError

GENERATOR_VERSION = 2
"""Raised whenever the same seed would give other frames."""

MANIFEST = "synthetic.json"


def rendered_version(folder: Path) -> int | None:
    """Return the generator version of the dataset in ``folder``, or None if it holds no readable manifest."""
    try:
        version = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["generator_version"]
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
    workers: int | None = None,
    replace: bool = False,
) -> None:
    """Write street scenes to ``dest/leftImg8bit`` and ``dest/gtFine``, and their settings to ``dest/synthetic.json``.

    About 70 % of the frames are train, the rest val; the two share no city. ``dest`` appears only when it is complete.

    Args:
        dest: folder to create; must not exist or be empty.
        frames: number of frames, at least 3.
        seed: every seed gives different scenes.
        size: (height, width) of the frames in pixels.
        weather: None samples it per frame, mostly clear.
        daytime: None samples it per frame, mostly day.
        on_progress: called with (frames written, total frames) after every frame.
        workers: number of rendering processes, by default as many as pay off; the frames do not depend on it.
        replace: overwrite an existing synthetic dataset.

    Raises:
        UsageError: too few frames, an invalid size, seed, weather or time of day, or a ``dest`` that is not empty.
        OSError: the files cannot be written.
    """
    check_request(seed, size, weather, daytime)
    if not 3 <= frames <= MOST_FRAMES:
        raise UsageError(f"expected 3 to {MOST_FRAMES} frames, found {frames}; a set needs 1 train and 2 val frames")
    dest = Path(dest)
    replaced = replace and rendered_version(dest) is not None
    if not replaced:
        _check_destination(dest)
    dest.parent.mkdir(parents=True, exist_ok=True)
    workers = worker_count(frames) if workers is None else workers
    # A sibling folder is on the same file system, so the last step is a single rename.
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.parent) as scratch:
        root = Path(scratch) / "set"
        planned = plan(frames, seed)
        make_folders(root, planned)
        if workers > 1:
            rendered = render_in_parallel(root, planned, size, weather, daytime, workers)
        else:
            rendered = render_frames(root, planned, size, weather, daytime)
        for done, _ in enumerate(rendered, start=1):
            if on_progress is not None:
                on_progress(done, frames)
        manifest = {
            "name": "synthetic",
            "frames": frames,
            "seed": seed,
            "size": list(size),
            "weather": weather,
            "daytime": daytime,
            "generator_version": GENERATOR_VERSION,
        }
        (root / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if replaced:
            dest.rename(Path(scratch) / "replaced")
        elif dest.exists():
            dest.rmdir()
        root.rename(dest)


def _check_destination(dest: Path) -> None:
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        found = "one that is not empty" if dest.is_dir() else "a file"
        raise UsageError(f"{dest}: expected a new or empty folder, found {found}; choose another or remove it first")
