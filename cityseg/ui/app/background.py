"""Long work in a thread of its own, which survives reruns and page changes.

Streamlit aborts a script whenever the user does something. Longer work (rendering the synthetic dataset, decoding a
dataset) therefore runs once in a background thread, and every script that needs it follows the same work by its key.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import streamlit as st

from cityseg.markdown import escape
from cityseg.progress import OnProgress

T = TypeVar("T")
_POLL_SECONDS = 0.15
_QUIET_SECONDS = 0.4


class Stopped(Exception):
    """The user stopped the work."""


class Work:
    """A job in a thread, which must not call Streamlit: its progress while it runs, then its result or its error."""

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
            # Loading or waiting before the first unit is not part of the pace.
            self._first = time.monotonic(), done
        if self._stopped:
            raise Stopped

    def stop(self) -> None:
        """End the work at its next progress report; its error is then ``Stopped``."""
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
        return None if done < 2 or passed < 1.0 or not self.total else passed / done * (self.total - self.done)


@st.cache_resource(show_spinner=False)
def _all_work() -> tuple[dict[Hashable, Work], threading.Lock]:
    return {}, threading.Lock()


def begin(key: Hashable, job: Callable[[OnProgress], Any]) -> None:
    """Start ``job`` in a thread unless it is running, again even if it has finished; ``find`` returns it."""
    working, lock = _all_work()
    with lock:
        if key not in working or not working[key].is_running:
            working[key] = Work(job)


def find(key: Hashable) -> Work | None:
    """Return the running or finished work of that key, or None."""
    return _all_work()[0].get(key)


def is_running(key: Hashable) -> bool:
    """Whether work of that key runs."""
    work = find(key)
    return work is not None and work.is_running


def progress_bar(
    title: str, done: int, total: int, seconds_left: float | None, unit: str = "frames", place: Any = st
) -> None:
    """Show a progress bar with the time left and the finished of all units; a total of 0 is unknown."""
    counted = f" · {done:,} of {total:,} {unit}" if total else f" · {done:,} {unit} so far" if done else " …"
    if total and done >= total:
        left = " · finishing"
    else:
        left = "" if seconds_left is None else f" · about {duration(seconds_left)} left"
    place.progress(min(1.0, done / total) if total else 0.0, text=f"{escape(title)}{counted}{left}")


def follow(key: Hashable, job: Callable[[OnProgress], T], title: str) -> T:
    """Run ``job`` once for all callers with the same key, behind a progress bar; return or raise its outcome."""
    working, lock = _all_work()
    with lock:
        work = working.get(key) or working.setdefault(key, Work(job))
    place = st.empty()
    work.thread.join(_QUIET_SECONDS)
    while work.is_running:
        progress_bar(title, work.done, work.total, work.seconds_left(), place=place)
        work.thread.join(_POLL_SECONDS)
    place.empty()
    with lock:
        if working.get(key) is work:
            del working[key]
    if work.error is not None:
        raise work.error
    return cast("T", work.result)


def duration(seconds: float) -> str:
    """Format a duration: "8 s", "3 min", "2 h 5 min"."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
