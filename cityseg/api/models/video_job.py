"""Video prediction in a process of its own, so that an app that serves others stays responsive.

``python -m cityseg.api.models.video_job FOLDER`` is that process: it reads ``request.json`` and records its progress
and result in ``status.json``. Only ``predict_clip_apart`` starts it.
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

from cityseg.api.models.video import ClipResult, predict_clip
from cityseg.errors import CitysegError, Stopped
from cityseg.files import write_json
from cityseg.inference.resize import Fit
from cityseg.jobs.record import JobRecord

_POLL_SECONDS = 0.2
_NICENESS = 10


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
    """Run ``predict_clip`` in a process of low priority.

    Args:
        model, clip, out, fit, flip, most_pixels: see ``predict_clip``.
        on_progress: called a few times a second with (frames done, frames in all or None if the file does not tell);
            an exception that it raises ends the process and is raised here.

    Raises:
        CitysegError: what ``predict_clip`` refuses, or the process ended without a result.
    """
    with tempfile.TemporaryDirectory(prefix="cityseg-video-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        request = {"model": model, "clip": str(clip), "out": str(out), "fit": fit, "flip": flip}
        write_json(folder / "request.json", {**request, "most_pixels": most_pixels})
        process = subprocess.Popen(
            [sys.executable, "-m", "cityseg.api.models.video_job", str(folder)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        record = _record(folder)
        try:
            while process.poll() is None:
                status = record.read()
                on_progress(*((status.done, status.total or None) if status else (0, None)))
                try:
                    process.wait(_POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.kill()
            process.wait()
        status = record.read()
    if status is not None and status.state == "finished":
        return ClipResult(**{**status.result, **{name: Path(status.result[name]) for name in ("film", "table")}})
    if status is not None and status.error and process.returncode == 0:
        raise CitysegError(status.error)
    raise CitysegError(
        f"{clip.name}: expected an overlay video, found its process ended without a result (exit code "
        f"{process.returncode}), as it does when memory runs out; try a smaller video"
    )


def run(folder: Path) -> None:
    """Predict the video of ``request.json`` in a folder and record the outcome in ``status.json`` beside it."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    parent, record = os.getppid(), _record(folder)

    def note(done: int, total: int | None) -> None:
        if os.getppid() != parent:
            raise Stopped("stopped, because the app that started it has ended")
        record.note("", done, total or 0)

    try:
        with record.recorded(lambda name: f"stopped by {name}"):
            clip, out = Path(request.pop("clip")), Path(request.pop("out"))
            result = predict_clip(clip=clip, out=out, **request, on_progress=note)
            record.finish({**asdict(result), "film": str(result.film), "table": str(result.table)})
    except CitysegError:
        pass  # the record holds its message


def _record(folder: Path) -> JobRecord:
    return JobRecord(folder / "status.json", folder / "log.txt", folder / ".lock", "video")


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    run(Path(sys.argv[1]))
