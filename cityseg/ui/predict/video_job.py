"""Predicting a video beside the page: a process per video, one at a time on the machine."""

from __future__ import annotations

import tempfile
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from cityseg.api import Result
from cityseg.api.models.video_job import predict_video_in_process
from cityseg.api.types import WEIGHTS, Fit
from cityseg.errors import CitysegError, DataError
from cityseg.progress import OnProgress
from cityseg.ui.app.background import Stopped, Work, progress_bar
from cityseg.ui.app.visitor import Visitor
from cityseg.ui.common.job_panel import poll, show_end
from cityseg.ui.predict.video_upload import VideoUpload
from cityseg.ui.predict.video_view import OverlayVideo

MAX_PIXELS = 3_000_000_000
"""Limit for all frames of a video together: 3,000 frames of 1280x720 are below it, and take minutes on a CPU."""
MAX_BYTES = 256 * 2**20
"""Limit for the finished videos of all visitors together; the oldest are dropped first."""
_SESSION = "predict video session"


@dataclass
class VideoJob:
    """A video that is being predicted, or whose prediction ended.

    Attributes:
        key: identifies video, model and settings.
        title: displayed with the progress.
        work: its progress.
    """

    key: Hashable
    title: str
    work: Work


class VideoStore:
    """Finished videos of all visitors, in memory, up to ``MAX_BYTES``."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._videos: OrderedDict[tuple[str, Hashable], OverlayVideo] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, owner: str, key: Hashable, video: OverlayVideo) -> None:
        """Store a video; the oldest are dropped to make room."""
        with self._lock:
            self._videos[owner, key] = video
            while len(self._videos) > 1 and sum(stored.size for stored in self._videos.values()) > MAX_BYTES:
                self._videos.popitem(last=False)

    def find(self, owner: str, key: Hashable) -> OverlayVideo | None:
        """Return a visitor's video, or None if it was dropped or never stored."""
        with self._lock:
            if (owner, key) in self._videos:
                self._videos.move_to_end((owner, key))
            return self._videos.get((owner, key))

    def clear(self, owner: str) -> None:
        """Drop a visitor's videos."""
        with self._lock:
            for name in [name for name in self._videos if name[0] == owner]:
                del self._videos[name]


@st.cache_resource(show_spinner=False)
def video_store() -> VideoStore:
    """Return the one store of this server."""
    return VideoStore()


@dataclass
class VideoSession:
    """The video jobs of one visitor; when the visit ends, the job stops and its videos are dropped.

    Attributes:
        store: of the finished videos.
        owner: id of the visitor.
        jobs: the latest job, if any.
    """

    store: VideoStore
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    jobs: list[VideoJob] = field(default_factory=list)

    def __post_init__(self) -> None:
        weakref.finalize(self, _end_session, self.store, self.owner, self.jobs)

    def start(self, key: Hashable, title: str, video: VideoUpload, model: str, fit: Fit, flip: bool) -> None:
        """Start a job in place of the latest one; do nothing while a job is running."""
        if self.running() is not None:
            return
        store, owner, visitor = self.store, self.owner, Visitor()

        def job(report: OnProgress) -> None:
            def on_progress(done: int, total: int) -> None:
                report(done, total)
                if visitor.has_left():
                    raise Stopped

            while not store.turn.acquire(timeout=0.2):
                on_progress(0, 0)
            try:
                finished = predict(video, model, fit, flip, on_progress)
            finally:
                store.turn.release()
            on_progress(finished.result.frames, finished.result.frames)
            store.put(owner, key, finished)

        self.jobs[:] = [VideoJob(key, title, Work(job))]

    def running(self) -> VideoJob | None:
        """Return the running job, or None."""
        return next((job for job in self.jobs if job.work.is_running), None)


def _end_session(store: VideoStore, owner: str, jobs: list[VideoJob]) -> None:
    for job in jobs:
        job.work.stop()
    store.clear(owner)


def predict(video: VideoUpload, model: str, fit: Fit, flip: bool, on_progress: OnProgress) -> OverlayVideo:
    """Predict an uploaded video as ``cityseg clip`` does, in a temporary folder.

    Args:
        video: the upload.
        model: folder of a result.
        fit, flip: resize mode and flip test-time augmentation.
        on_progress: called with (frames done, frames in all, 0 if the file does not state it).

    Raises:
        CitysegError: as ``api.predict_video``, with the upload's own name as path.
    """
    # A server that shuts down may delete the folder during the job.
    with tempfile.TemporaryDirectory(prefix="cityseg-video-", ignore_cleanup_errors=True) as temporary:
        source, out = Path(temporary) / "upload", Path(temporary) / "out"
        source.mkdir()
        try:
            result = predict_video_in_process(
                model,
                video.write(source),
                out,
                fit=fit,
                flip=flip,
                max_pixels=MAX_PIXELS,
                on_progress=lambda done, total: on_progress(done, total or 0),
            )
        except CitysegError as error:
            raise type(error)(str(error).replace(f"{source}/", "")) from None
        except OSError as error:
            raise DataError(
                f"{video.name}: expected disk space for it on this machine, found {error.strerror}; try a shorter video"
            ) from None
        return OverlayVideo.read(result)


def show(video: VideoUpload | None, model: Result, fit: Fit, *, flip: bool) -> OverlayVideo | None:
    """Show the start button or the progress of the running job.

    Returns:
        The finished video for this upload, model and settings, or None.
    """
    if _SESSION not in st.session_state:
        st.session_state[_SESSION] = VideoSession(video_store())
    jobs: VideoSession = st.session_state[_SESSION]
    key = _key(video, model, fit, flip) if video else None
    poll(
        lambda: (jobs.running() is not None, jobs.store.find(jobs.owner, key) is not None),
        lambda: _panel(jobs, video, key, model, fit, flip),
        running=jobs.running() is not None,
    )
    return jobs.store.find(jobs.owner, key)


def _key(video: VideoUpload, model: Result, fit: Fit, flip: bool) -> Hashable:
    weights = model.run.checkpoint / WEIGHTS
    return (video.digest, str(weights), weights.stat().st_mtime_ns, fit, flip)


def _panel(jobs: VideoSession, video: VideoUpload | None, key: Hashable, model: Result, fit: Fit, flip: bool) -> None:
    job = jobs.running()
    if job is not None:
        _show_progress(job)
        return
    if video is None or jobs.store.find(jobs.owner, key) is not None:
        return
    st.button(
        "Make the overlay video",
        icon=":material/movie:",
        type="primary",
        key="predict_clip_make",
        on_click=jobs.start,
        args=(key, f"{video.name}, {model.id}", video, str(model.run.folder), fit, flip),
        help="Predicts every frame in the background: a second or two for ten small frames, minutes for thousands of "
        "large ones. You can use other pages meanwhile. Same as `cityseg clip`.",
    )
    for job in jobs.jobs:
        if job.key == key and show_end(job.work, f"Cancelled after {job.work.done:,} frames; nothing was kept."):
            st.caption("This video was finished and then dropped to make room for others.")


def _show_progress(job: VideoJob) -> None:
    done, total = job.work.done, job.work.total
    if done and not total:
        st.progress(0.0, text=f"{job.title} · {done:,} frames so far; the file does not state its length")
    elif not done:
        st.progress(0.0, text=f"{job.title} · starting or queued …")
    else:
        progress_bar(job.title, done, total, job.work.seconds_left())
    st.button("Cancel", icon=":material/stop:", key="predict_clip_cancel", on_click=job.work.stop)
