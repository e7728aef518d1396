"""Predicting a video beside the page: a process per video, one at a time on the machine."""

from __future__ import annotations

import tempfile
import threading
import time
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path, PurePath
from typing import NamedTuple

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cityseg.api import Result
from cityseg.api.models.video_job import predict_video_in_process
from cityseg.api.types import Fit, weights_version
from cityseg.errors import CitysegError, DataError
from cityseg.markdown import escape
from cityseg.progress import OnProgress
from cityseg.ui.app.background import Stopped, Work
from cityseg.ui.common.job_panel import poll, show_end, show_work
from cityseg.ui.predict import video_view
from cityseg.ui.predict.video_upload import VideoUpload
from cityseg.ui.predict.video_view import OverlayVideo

MAX_PIXELS = 3_000_000_000
"""Limit for all frames of a video together: 3,000 frames of 1280x720 are below it, and take minutes on a CPU."""
MAX_BYTES = 256 * 2**20
"""Limit for the finished videos of all sessions together; the oldest are dropped first."""
GRACE_SECONDS = 60.0
"""How long a page may be disconnected: a sleeping phone or a weak network does not end the session."""
_SESSION = "predict video session"


class VideoJob(NamedTuple):
    """The prediction of a video, running or ended; ``key`` identifies video, model and settings."""

    key: Hashable
    title: str
    work: Work


class Connection:
    """The browser page that creates this object; safe to use from any thread."""

    def __init__(self) -> None:
        context = get_script_run_ctx()
        self._session = context.session_id if context else ""
        self._last_seen = time.monotonic()

    def is_lost(self) -> bool:
        """Whether the page has been closed for longer than ``GRACE_SECONDS``."""
        # Without a server, as in tests of single pages, every page counts as open.
        if not runtime.exists() or runtime.get_instance().is_active_session(self._session):
            self._last_seen = time.monotonic()
        return time.monotonic() - self._last_seen > GRACE_SECONDS


class VideoStore:
    """Finished videos of all sessions, in memory, up to ``MAX_BYTES``."""

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
        """Return a session's video, or None if it was dropped or never stored."""
        with self._lock:
            if (owner, key) in self._videos:
                self._videos.move_to_end((owner, key))
            return self._videos.get((owner, key))

    def clear(self, owner: str) -> None:
        """Drop a session's videos."""
        with self._lock:
            for name in [name for name in self._videos if name[0] == owner]:
                del self._videos[name]


@st.cache_resource(show_spinner=False)
def video_store() -> VideoStore:
    """Return the one store of this server."""
    return VideoStore()


class VideoSession:
    """The latest video job of one session; when the session ends, the job stops and its videos are dropped."""

    def __init__(self, store: VideoStore) -> None:
        self.store, self.owner = store, uuid.uuid4().hex
        self.jobs: list[VideoJob] = []
        weakref.finalize(self, _end_session, store, self.owner, self.jobs)

    def start(self, key: Hashable, title: str, predict: Callable[[OnProgress], OverlayVideo]) -> None:
        """Start a job in place of the latest one; do nothing while a job is running."""
        if self.running() is not None:
            return
        store, owner, connection = self.store, self.owner, Connection()

        def job(report: OnProgress) -> None:
            def on_progress(done: int, total: int) -> None:
                report(done, total)
                if connection.is_lost():
                    raise Stopped

            while not store.turn.acquire(timeout=0.2):
                on_progress(0, 0)
            try:
                finished = predict(on_progress)
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
    """Predict an uploaded video with the model in a folder as ``cityseg clip`` does; a total of 0 frames is unknown.

    Raises:
        CitysegError: as ``api.predict_video``, with the upload's own name as path.
    """

    def report(done: int, total: int | None) -> None:
        on_progress(done, total or 0)

    # A server that shuts down may delete the folder during the job.
    with tempfile.TemporaryDirectory(prefix="cityseg-video-", ignore_cleanup_errors=True) as temporary:
        source, out = Path(temporary) / "upload", Path(temporary) / "out"
        source.mkdir()
        try:
            path = video.write(source)
            result = predict_video_in_process(
                model, path, out, fit=fit, flip=flip, max_pixels=MAX_PIXELS, on_progress=report
            )
            return OverlayVideo.read(result, PurePath(video.name).stem if video.kind == "video" else video.name)
        except CitysegError as error:
            raise type(error)(video.renamed(str(error), source / "video")) from None
        except OSError as error:
            raise DataError(
                f"{video.name}: expected disk space for it on this machine, found {error.strerror}; try a shorter video"
            ) from None


def show(video: VideoUpload | None, models: list[Result], fit: Fit, *, flip: bool) -> None:
    """Offer the overlay video of the first model, follow its job, and show the video once it is finished."""
    model = models[0]
    if len(models) > 1:
        st.caption(f"Videos are predicted by one model: {escape(model.id)}, the first one chosen.")
    if video is None:
        st.info("Upload a video or a folder of photos to predict every frame.", icon=":material/movie:")
    if _SESSION not in st.session_state:
        st.session_state[_SESSION] = VideoSession(video_store())
    session: VideoSession = st.session_state[_SESSION]
    weights = model.run.checkpoint
    key = (video.digest, str(weights), weights_version(weights), fit, flip) if video else None

    def finished() -> OverlayVideo | None:
        return session.store.find(session.owner, key)

    def panel() -> None:
        if (job := session.running()) is not None:
            show_work(job.work, job.title, key="predict_clip", stop="Cancel")
        elif video is not None and finished() is None:
            st.button(
                "Make the overlay video",
                icon=":material/movie:",
                type="primary",
                key="predict_clip_make",
                on_click=session.start,
                args=(key, f"{video.name}, {model.id}", partial(predict, video, str(model.run.folder), fit, flip)),
                help="Predicts every frame in the background, as `cityseg clip`: thousands of frames take minutes.",
            )
            for job in session.jobs:
                cancelled = f"Cancelled after {job.work.done:,} frames; nothing was kept."
                if job.key == key and show_end(job.work, cancelled):
                    st.caption("This video was finished and then dropped to make room for others.")

    poll(lambda: (session.running() is None, finished() is None), panel, running=session.running() is not None)
    if (overlay := finished()) is not None:
        video_view.show(overlay, model.id)
