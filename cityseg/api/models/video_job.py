"""Video prediction in a process of its own, so that an app that serves others stays responsive.

``python -m cityseg.api.models.video_job FOLDER`` is that process: it reads ``request.json`` and records its progress
and result in ``status.json``. Only ``predict_video_in_process`` starts it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cityseg.api.models.video import VideoProgress, VideoResult, predict_video
from cityseg.errors import CitysegError, Stopped
from cityseg.files import read_json, write_json
from cityseg.inference.resize import Fit
from cityseg.jobs.record import JobRecord
from cityseg.studio_files import child_environment

_POLL_SECONDS = 0.2
_NICENESS = 10


def predict_video_in_process(
    model: str,
    video: Path,
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    max_pixels: int | None = None,
    on_progress: VideoProgress,
) -> VideoResult:
    """Run ``predict_video`` in a process of its own at low priority.

    ``on_progress`` is called a few times a second; an exception that it raises ends the process and is raised here.

    Raises:
        CitysegError: an error of ``predict_video``, or the process ended without a result.
    """
    with tempfile.TemporaryDirectory(prefix="cityseg-video-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        request = {"model": model, "video": str(video), "out": str(out), "fit": fit, "flip": flip}
        write_json(folder / "request.json", {**request, "max_pixels": max_pixels})
        process = subprocess.Popen(
            [sys.executable, "-m", "cityseg.api.models.video_job", str(folder)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=child_environment(),
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
        return VideoResult.from_dict(status.result)
    if status is not None and status.error and process.returncode == 0:
        raise CitysegError(status.error)
    raise CitysegError(
        f"{video.name}: expected an overlay video, found its process ended without a result (exit code "
        f"{process.returncode}), as it does when memory runs out; try a smaller video"
    )


def run(folder: Path) -> None:
    """Predict the video of ``request.json`` in a folder and record the outcome in ``status.json`` beside it."""
    request = read_json(folder / "request.json")
    parent, record = os.getppid(), _record(folder)

    def on_progress(done: int, total: int | None) -> None:
        if os.getppid() != parent:
            raise Stopped("stopped, because the app that started this process has ended")
        record.note("", done, total or 0)

    try:
        with record.recorded(lambda name: f"stopped by {name}"):
            video, out = Path(request.pop("video")), Path(request.pop("out"))
            record.finish(predict_video(video=video, out=out, **request, on_progress=on_progress).as_dict())
    except CitysegError:
        pass  # the record holds its message


def _record(folder: Path) -> JobRecord:
    return JobRecord(folder / "status.json", folder / "log.txt", folder / ".lock", "video")


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    run(Path(sys.argv[1]))
