"""Time as a run tells it."""

from __future__ import annotations

import time


class Clock:
    """Counts frames and seconds between two looks."""

    def __init__(self) -> None:
        self.frames = 0
        self._lap = time.monotonic()

    def lap(self) -> tuple[float, float]:
        """Return (seconds, frames per second) since the last lap."""
        seconds = time.monotonic() - self._lap
        rate = self.frames / max(seconds, 1e-9)
        self.restart()
        return seconds, rate

    def restart(self) -> None:
        """Begin a new lap, for example after time that was no training."""
        self.frames, self._lap = 0, time.monotonic()
