"""Videos predicted in a process of their own."""

from __future__ import annotations

import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cityseg import api
from cityseg.api.models import video_job
from cityseg.errors import CitysegError, Stopped
from cityseg.files import write_json
from cityseg.inference.video import VideoWriter
from cityseg.runs import Run


@pytest.fixture
def video(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A video of three frames; the temporary folder is the test's own."""
    (workplace / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(workplace / "temp"))
    writer = VideoWriter(workplace / "drive.mp4", Fraction(12))
    for number in range(3):
        writer.add(np.full((32, 64, 3), 80 * number, np.uint8))
    writer.close()
    return workplace / "drive.mp4"


def test_the_process_makes_the_same_video(video: Path, trained: Run, workplace: Path) -> None:
    reported: list[tuple[int, int | None]] = []
    found = video_job.predict_video_in_process(
        str(trained.folder), video, workplace / "apart", on_progress=lambda *counts: reported.append(counts)
    )
    wanted = api.predict_video(str(trained.folder), video, workplace / "here")
    assert (found.frames, found.rate, found.shares) == (wanted.frames, wanted.rate, wanted.shares)
    assert found.video.read_bytes() == wanted.video.read_bytes()
    assert found.table.read_bytes() == wanted.table.read_bytes()
    assert reported[0] == (0, None)
    assert list((workplace / "temp").iterdir()) == []


def test_an_exception_ends_the_process(
    video: Path, trained: Run, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    popen = video_job.subprocess.Popen
    monkeypatch.setattr(video_job.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])

    def stop(*_: int | None) -> None:
        raise Stopped("enough")

    with pytest.raises(Stopped, match="enough"):
        video_job.predict_video_in_process(str(trained.folder), video, workplace / "out", on_progress=stop)
    assert started[0].returncode is not None
    assert list((workplace / "temp").iterdir()) == []


def test_an_end_without_a_result_is_reported(video: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_job.sys, "executable", shutil.which("false"))
    with pytest.raises(CitysegError, match=r"^drive\.mp4: expected an overlay video, found its process ended without"):
        video_job.predict_video_in_process("better-1", video, workplace / "out", on_progress=lambda *_: None)


def test_errors_of_the_process_are_raised_here(
    video: Path, trained: Run, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Process:
        """A process that did its work at once, in this one."""

        returncode = 0

        def __init__(self, command: list[str], **_: object) -> None:
            video_job.run(Path(command[-1]))

        def poll(self) -> int:
            return 0

        def kill(self) -> None:
            pass

        def wait(self, _: float | None = None) -> int:
            return 0

    monkeypatch.setattr(video_job.subprocess, "Popen", Process)
    with pytest.raises(CitysegError, match=r"drive\.mp4: expected at most 1e-09 gigapixels in all its frames together"):
        video_job.predict_video_in_process(
            str(trained.folder), video, workplace / "out", max_pixels=1, on_progress=lambda *_: None
        )
    # A process whose app has ended stops at its next frame.
    parents = iter((1, 1, 2))
    monkeypatch.setattr(video_job.os, "getppid", lambda: next(parents))
    request = {"model": str(trained.folder), "video": str(video), "out": str(workplace / "out")}
    write_json(workplace / "request.json", {**request, "fit": "stretch", "flip": False, "max_pixels": None})
    video_job.run(workplace)
    assert '"state": "stopped"' in (workplace / "status.json").read_text()
    assert list((workplace / "out").iterdir()) == []
