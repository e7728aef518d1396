"""The seconds of a video's frames, from timestamps that may be missing, repeat, or start again."""

from __future__ import annotations

from fractions import Fraction

_TICK = Fraction(1, 90_000)
_RESTART, _RESTART_FRAMES = Fraction(1), 5
"""Seconds or frames, whichever is less, by which times jump back where they start again, as in joined recordings."""
_BREAK = 10
"""Seconds by which times jump forward there, in formats whose times may jump; players go on at once, too."""


class Timestamps:
    """Seconds of the frames in the order of display, counted from the first one."""

    def __init__(self, gap: Fraction, may_jump: bool) -> None:
        """Begin; ``gap`` is the expected one between frames, and in some formats times ``may_jump`` forward."""
        self.start: Fraction | None = None
        """Timestamp that is second 0."""
        self.joined = False
        """Whether timestamps started again."""
        self.gap = gap
        """Seconds between the last two frames."""
        self._last: Fraction | None = None
        self._may_jump = may_jump

    def add(self, time: Fraction | None, nominal: Fraction) -> Fraction:
        """Return the second of the next frame from its timestamp, None if it has none, and its ``nominal`` duration."""
        last = self._last
        second = last + nominal if last is not None else Fraction(0)
        if time is not None:
            if self.start is None:
                self.start = time - second
            found = time - self.start
            if last is None or (found > last and not (self._may_jump and found > last + _BREAK)):
                second = found
            elif last - min(_RESTART, _RESTART_FRAMES * nominal) < found <= last:
                second = last + _TICK
            else:
                second = last + min(self.gap, _RESTART)
                self.start, self.joined = time - second, True
        if last is not None:
            self.gap = second - last
        self._last = second
        return second
