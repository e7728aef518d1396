"""Clips predicted by a process of its own, so that an app that serves others stays quick meanwhile.

``python -m cityseg.api.models.video_job`` is that process: it reads the request as JSON and leaves its answer and
its progress as JSON files. Only ``predict_clip_apart`` starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cityseg import errors
from cityseg.api.models.video import ClipResult, predict_clip
from cityseg.errors import CitysegError
from cityseg.files import write_json
from cityseg.inference.resize import Fit

_LOOK_SECONDS = 0.2
_POLITE = 10
"""By how much the process steps back for others, as the command ``nice`` counts."""


def predict_clip_apart(
    model: str,
    clip: Path,
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    most_pixels: int | None = None,
    on_progress: Callable[[int, int | None], None],
) -> ClipResult:
    """Do what ``predict_clip`` does, in a process of its own that lets others go first.

    Args:
        model, clip, out, fit, flip, most_pixels: as there.
        on_progress: called a few times a second with (frames done, frames in all or None where the file does not
            tell); what it raises ends the process, and is raised here.

    Raises:
        CitysegError: whatever ``predict_clip`` refuses, or that the process ended without a word.
    """
    with tempfile.TemporaryDirectory(prefix="cityseg-film-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        words = {"model": model, "clip": str(clip), "out": str(out), "fit": fit, "flip": flip}
        write_json(folder / "request.json", {**words, "most_pixels": most_pixels})
        process = subprocess.Popen(
            [sys.executable, "-m", "cityseg.api.models.video_job", str(folder)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                on_progress(*_read(folder / "progress.json", [0, None]))
                try:
                    process.wait(_LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.kill()
            process.wait()
        answer = _read(folder / "answer.json", None)
    if answer is None:
        raise CitysegError(
            f"{clip.name}: expected an overlay film, found its process ended without a word (exit code "
            f"{process.returncode}), as it does where memory runs out; try a smaller clip"
        )
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["words"])
    return ClipResult(**{**answer, "film": Path(answer["film"]), "table": Path(answer["table"])})


def _read(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default


def answer(folder: Path) -> None:
    """Do what ``request.json`` in a folder asks for, and write ``answer.json`` beside it."""
    request = _read(folder / "request.json", {})
    parent = os.getppid()

    def note(done: int, total: int | None) -> None:
        if os.getppid() != parent:
            raise errors.Stopped("stopped, because the app that asked for it has ended")
        write_json(folder / "progress.json", [done, total])

    try:
        result = predict_clip(
            request["model"],
            Path(request["clip"]),
            Path(request["out"]),
            fit=request["fit"],
            flip=request["flip"],
            most_pixels=request["most_pixels"],
            on_progress=note,
        )
        found = {**asdict(result), "film": str(result.film), "table": str(result.table)}
    except CitysegError as error:
        found = {"error": type(error).__name__, "words": str(error)}
    write_json(folder / "answer.json", found)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_POLITE)
    answer(Path(sys.argv[1]))
