"""Comparing the pace of two things on a machine that may have other work too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Ratio:
    """Two sides of one question."""

    frames_per_second: float  # of what is judged, in its best round
    against: float  # frames per second of what it is held against
    processor_ratio: float  # the ratio of the processor seconds that a frame takes

    @property
    def ratio(self) -> float:
        """How many times faster the first side is."""
        return self.frames_per_second / self.against


class Stopwatch:
    """The best (wall, processor) seconds of every side over its rounds, the first of which only warms up."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._rounds: dict[str, list[np.ndarray]] = {}

    def now(self) -> np.ndarray:
        """Return (wall, processor) seconds once the device has done what it was asked."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return np.array([time.perf_counter(), time.process_time()])

    def time(self, side: str, work: Callable[[], object]) -> None:
        """Note one round of a side."""
        begun = self.now()
        work()
        self.note(side, self.now() - begun)

    def note(self, side: str, taken: np.ndarray) -> None:
        """Note (wall, processor) seconds of one round."""
        self._rounds.setdefault(side, []).append(taken)

    def best(self, side: str) -> np.ndarray:
        """Return the least (wall, processor) seconds of a side's rounds after the first, each for itself."""
        result: np.ndarray = np.min(self._rounds[side][1:], axis=0)
        return result

    def ratio(self, side: str, frames: int, against: str, frames_against: int) -> Ratio:
        """Compare two sides that handled so many frames in each round."""
        mine, theirs = self.best(side), self.best(against)
        processor = (theirs[1] / frames_against) / max(mine[1] / frames, 1e-9)
        return Ratio(frames / mine[0], frames_against / theirs[0], float(processor))
