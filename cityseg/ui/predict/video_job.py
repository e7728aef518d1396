"""Making the overlay film of a clip: a process that a visitor's page follows, one film at a time on the machine."""

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
from cityseg.api.models.video_job import predict_clip_apart
from cityseg.api.types import WEIGHTS, Fit
from cityseg.errors import CitysegError, DataError
from cityseg.progress import OnProgress
from cityseg.ui.app.background import Stopped, Work, progress_bar
from cityseg.ui.app.visitor import Presence
from cityseg.ui.common.job_panel import poll, show_end
from cityseg.ui.predict.video_upload import GivenClip
from cityseg.ui.predict.video_view import Film

MOST_PIXELS = 3_000_000_000
"""Of all frames of a clip together: 3,000 of 1280x720 have fewer, and take minutes on a processor."""
MOST_BYTES = 256 * 2**20
"""Of the finished films of all visitors together; the oldest go first."""
_DESK = "predict desk"


@dataclass
class Making:
    """A film that is being made, or was not finished.

    Attributes:
        key: what it is made from.
        title: the same in words.
        work: how far it is.
    """

    key: Hashable
    title: str
    work: Work


class Shelf:
    """Finished films of all visitors, in memory, within ``MOST_BYTES``."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._films: OrderedDict[tuple[str, Hashable], Film] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, owner: str, key: Hashable, film: Film) -> None:
        """Keep a film; the oldest make room for it."""
        with self._lock:
            self._films[owner, key] = film
            while len(self._films) > 1 and sum(kept.size for kept in self._films.values()) > MOST_BYTES:
                self._films.popitem(last=False)

    def find(self, owner: str, key: Hashable) -> Film | None:
        """Return a visitor's film, if it is still there."""
        with self._lock:
            if (owner, key) in self._films:
                self._films.move_to_end((owner, key))
            return self._films.get((owner, key))

    def clear(self, owner: str) -> None:
        """Let a visitor's films go."""
        with self._lock:
            for name in [name for name in self._films if name[0] == owner]:
                del self._films[name]


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """Return the one shelf of this server."""
    return Shelf()


@dataclass
class Desk:
    """What one visitor is at; when the visit is over, the work stops and the films go.

    Attributes:
        shelf: where the films are kept.
        owner: names the visitor.
        making: the latest film, if one was begun.
    """

    shelf: Shelf
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    making: list[Making] = field(default_factory=list)

    def __post_init__(self) -> None:
        weakref.finalize(self, _leave, self.shelf, self.owner, self.making)

    def begin(self, key: Hashable, title: str, clip: GivenClip, model: str, fit: Fit, flip: bool) -> None:
        """Make a film in place of the latest; while one is being made, nothing else is begun."""
        if self.running() is None:
            shelf, owner, visitor = self.shelf, self.owner, Presence()

            def job(tell: OnProgress) -> None:
                def note(done: int, total: int) -> None:
                    tell(done, total)
                    if visitor.has_left():
                        raise Stopped

                _await_turn(shelf.turn, note)
                try:
                    film = make(clip, model, fit, flip, note)
                finally:
                    shelf.turn.release()
                note(film.frames, film.frames)
                shelf.put(owner, key, film)

            self.making[:] = [Making(key, title, Work(job))]

    def running(self) -> Making | None:
        """Return the film that is being made, if there is one."""
        return next((making for making in self.making if making.work.is_running), None)


def _leave(shelf: Shelf, owner: str, making: list[Making]) -> None:
    for one in making:
        one.work.stop()
    shelf.clear(owner)


def _await_turn(turn: threading.Lock, note: OnProgress) -> None:
    while not turn.acquire(timeout=0.2):
        note(0, 0)


def make(clip: GivenClip, model: str, fit: Fit, flip: bool, note: OnProgress) -> Film:
    """Do what ``cityseg clip`` does, and leave no file behind.

    Args:
        clip: as it was given.
        model: folder of a result.
        fit, flip: how it looks.
        note: told how many frames of how many are done, 0 in all where the clip does not tell.

    Raises:
        CitysegError: what ``cityseg clip`` refuses, with the clip's own name for its path.
    """
    # A server that is stopped may pull the folder away from under a film that is still being made.
    with tempfile.TemporaryDirectory(prefix="cityseg-clip-", ignore_cleanup_errors=True) as place:
        given, out = Path(place) / "given", Path(place) / "out"
        given.mkdir()
        try:
            path = clip.write(given)
            result = predict_clip_apart(
                model,
                path,
                out,
                fit=fit,
                flip=flip,
                most_pixels=MOST_PIXELS,
                on_progress=lambda done, total: note(done, total or 0),
            )
        except CitysegError as error:
            raise type(error)(str(error).replace(f"{given}/", "")) from None
        except OSError as error:
            raise DataError(
                f"{clip.name}: expected room for it on this machine, found {error.strerror}; try a shorter clip"
            ) from None
        return Film.read(result)


def show(clip: GivenClip | None, model: Result, fit: Fit, *, flip: bool) -> Film | None:
    """Offer to make the film and show how far it is.

    Returns:
        The finished film of this clip, model and way of looking, or None.
    """
    if _DESK not in st.session_state:
        st.session_state[_DESK] = Desk(shelf())
    desk: Desk = st.session_state[_DESK]
    key = _key(clip, model, fit, flip) if clip else None
    poll(
        lambda: (desk.running() is not None, desk.shelf.find(desk.owner, key) is not None),
        lambda: _panel(desk, clip, key, model, fit, flip),
        running=desk.running() is not None,
    )
    return desk.shelf.find(desk.owner, key)


def _key(clip: GivenClip, model: Result, fit: Fit, flip: bool) -> Hashable:
    weights = model.run.checkpoint / WEIGHTS
    return (clip.digest, str(weights), weights.stat().st_mtime_ns, fit, flip)


def _panel(desk: Desk, clip: GivenClip | None, key: Hashable, model: Result, fit: Fit, flip: bool) -> None:
    making = desk.running()
    if making is not None:
        _progress(making)
        return
    if clip is None or desk.shelf.find(desk.owner, key) is not None:
        return
    st.button(
        "Make the overlay film",
        icon=":material/movie:",
        type="primary",
        key="predict_clip_make",
        on_click=desk.begin,
        args=(key, f"{clip.name} as {model.id} sees it", clip, str(model.run.folder), fit, flip),
        help="The model predicts every frame, beside the page: a second or two for ten frames of a small film, minutes "
        "for thousands of large ones. You can go on elsewhere meanwhile. The same as `cityseg clip`.",
    )
    for made in desk.making:
        if made.key == key and show_end(made.work, f"Cancelled after {made.work.done:,} frames; nothing was kept."):
            st.caption("The film was made before, and let go to make room for others.")


def _progress(making: Making) -> None:
    done, total = making.work.done, making.work.total
    if done and not total:
        st.progress(0.0, text=f"{making.title} · {done:,} frames so far; the film does not tell how many it has")
    elif not done:
        st.progress(0.0, text=f"{making.title} · starting, or waiting for the film of another visitor …")
    else:
        progress_bar(making.title, done, total, making.work.seconds_left())
    st.button("Cancel", icon=":material/stop:", key="predict_clip_cancel", on_click=making.work.stop)
