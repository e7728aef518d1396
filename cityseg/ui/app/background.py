"""Long work shown in place: it goes on in a thread, so leaving or changing something on the page never loses it.

A Streamlit script is cut off whenever the user does something. Work that takes longer than a moment (drawing the
synthetic set, decoding a dataset) is therefore done once, beside the scripts, and every script that needs it
watches the same work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import streamlit as st

from cityseg.progress import OnProgress

T = TypeVar("T")
_LOOK_SECONDS = 0.15
_QUIET_SECONDS = 0.4


class Stopped(Exception):
    """The user stopped the work."""


class Work:
    """One piece of work: its progress while it goes on, then its result or its error."""

    def __init__(self, job: Callable[[OnProgress], Any]) -> None:
        self.done, self.total = 0, 0
        self._first: tuple[float, int] | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self._stopped = False
        self.thread = threading.Thread(target=self._run, args=(job,), daemon=True)
        self.thread.start()

    def _run(self, job: Callable[[OnProgress], Any]) -> None:
        try:
            self.result = job(self._note)
        except BaseException as error:
            self.error = error

    def _note(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if done and self._first is None:
            # What came before, such as loading or waiting, says nothing about the pace.
            self._first = time.monotonic(), done
        if self._stopped:
            raise Stopped

    def stop(self) -> None:
        """End the work at its next note of progress; its error is then ``Stopped``."""
        self._stopped = True

    @property
    def is_running(self) -> bool:
        """Whether the thread still works."""
        return self.thread.is_alive()

    def seconds_left(self) -> float | None:
        """Return an estimate from the pace so far, or None while it is too early to tell."""
        if self._first is None:
            return None
        begun, first = self._first
        passed, done = time.monotonic() - begun, self.done - first
        if done < 2 or passed < 1.0:
            return None
        return passed / done * (self.total - self.done)


@st.cache_resource(show_spinner=False)
def _all_work() -> tuple[dict[Hashable, Work], threading.Lock]:
    return {}, threading.Lock()


def begin(key: Hashable, job: Callable[[OnProgress], Any]) -> None:
    """Do ``job`` beside the scripts, anew even if it was done before; ``find`` tells how far it is and what came of it.

    Args:
        key: names the work; while it goes on, nothing else is begun under that name.
        job: called with a progress callback (done, in all), in a thread; must not call Streamlit.
    """
    working, lock = _all_work()
    with lock:
        if key not in working or not working[key].thread.is_alive():
            working[key] = Work(job)


def find(key: Hashable) -> Work | None:
    """Return the work of that name that goes on or is done, or None."""
    return _all_work()[0].get(key)


def progress_bar(
    title: str, done: int, total: int, seconds_left: float | None, unit: str = "frames", place: Any = st
) -> None:
    """Show a progress bar with counts and the time left.

    Args:
        title: the work, in a few words.
        done, total: finished and all units; a total of 0 is unknown.
        seconds_left: estimate, or None.
        unit: what is counted.
        place: container of the bar.
    """
    counted = f" · {done:,} of {total:,} {unit}" if total else " …"
    left = "" if seconds_left is None else f" · about {duration(seconds_left)} left"
    place.progress(min(1.0, done / total) if total else 0.0, text=f"{title}{counted}{left}")


def follow(key: Hashable, job: Callable[[OnProgress], T], title: str, unit: str = "frames") -> T:
    """Do ``job`` once for all who ask for ``key`` at the same time, showing a progress bar while it goes on.

    Args:
        key: names the work; equal keys share it.
        job: called with a progress callback (done, in all), in a thread; must not call Streamlit.
        title: what is being done, in a few words.
        unit: what is counted.

    Returns:
        What the job returned. Raises what the job raised.
    """
    working, lock = _all_work()
    with lock:
        work = working.get(key) or working.setdefault(key, Work(job))
    place = st.empty()
    work.thread.join(_QUIET_SECONDS)
    while work.thread.is_alive():
        progress_bar(title, work.done, work.total, work.seconds_left(), unit, place)
        work.thread.join(_LOOK_SECONDS)
    place.empty()
    with lock:
        if working.get(key) is work:
            del working[key]
    if work.error is not None:
        raise work.error
    return cast("T", work.result)


def duration(seconds: float) -> str:
    """Return a length of time in words: "8 s", "3 min", "2 h 5 min"."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
