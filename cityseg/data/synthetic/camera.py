"""The pinhole camera behind the windscreen, and the bent street it looks along."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAR = 1.0
"""Nearest depth that is ever drawn, metres."""
FAR = 220.0
"""Depth at which the scene ends, in metres."""


def stream(seed: int, purpose: int) -> np.random.Generator:
    """One independent random stream per (seed, purpose), so that one part of a scene never shifts another."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose])))


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from.

    World axes: x to the right, y up from the road, z ahead; metres. The camera stands at (0, height, 0).
    The street is a parabola: a point ``t`` metres right of its middle line and ``s`` metres ahead lies at
    ``x = t - lateral + yaw * s + bend * s**2 / 2`` and ``z = s``.

    Attributes:
        size: (height, width) of the finished photo, pixels.
        oversampling: canvas pixels per photo pixel along each axis.
        focal: focal length as a multiple of the photo's height.
        horizon: row of the horizon as a fraction of the photo's height.
        height: of the lens above the road, metres.
        lateral: of the lens from the street's middle line, metres.
        yaw: slope of the street against the optical axis.
        bend: curvature of the street, 1/metres.
    """

    size: tuple[int, int]
    oversampling: int
    focal: float
    horizon: float
    height: float
    lateral: float
    yaw: float
    bend: float

    @cached_property
    def canvas_size(self) -> tuple[int, int]:
        """(width, height) of the oversampled canvas, pixels, in Pillow's order."""
        return self.size[1] * self.oversampling, self.size[0] * self.oversampling

    @cached_property
    def scale(self) -> float:
        """Canvas pixels that one metre covers at a depth of one metre."""
        return self.focal * self.size[0] * self.oversampling

    @cached_property
    def horizon_row(self) -> float:
        """Row of the horizon on the canvas."""
        return self.horizon * self.size[0] * self.oversampling

    def x(self, t: float, s: float) -> float:
        """World x of the street point (t, s)."""
        return t - self.lateral + self.yaw * s + self.bend * s * s / 2

    def heading(self, s: float) -> float:
        """Direction of the street at s against the optical axis, radians (small, positive to the right)."""
        return float(np.arctan(self.yaw + self.bend * s))

    def project(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) world points ahead of the camera, metres, to (N, 2) canvas positions (column, row), float64."""
        pixels = np.empty((len(points), 2))
        pixels_per_metre = self.scale / points[:, 2]
        pixels[:, 0] = pixels_per_metre * points[:, 0] + self.canvas_size[0] / 2
        pixels[:, 1] = self.horizon_row - pixels_per_metre * (points[:, 1] - self.height)
        return pixels

    def outline(self, points: np.ndarray, reduction: int = 1) -> list[int]:
        """(N, 3) world points ahead of the camera to Pillow's flat list of whole pixels.

        ``reduction`` is how many canvas pixels one pixel of the picture drawn on covers. The lists are short, for
        which plain numbers are several times as fast as arrays.
        """
        scale, height, unit = self.scale, self.height, 1 / reduction
        middle, horizon = self.canvas_size[0] / 2, self.horizon_row
        flat: list[int] = []
        for x, y, z in points.tolist():
            pixels = scale / z
            flat += (round((pixels * x + middle) * unit), round((horizon - pixels * (y - height)) * unit))
        return flat

    def street(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) street points (t, y, s) to (N, 3) world points (x, y, z)."""
        world = points.astype(np.float64, copy=True)
        s = points[:, 2]
        world[:, 0] += -self.lateral + self.yaw * s + self.bend * s * s / 2
        return world

    def visible_from(self, t: float) -> float:
        """Depth at which the street line t enters the picture's side, metres (straight-street estimate)."""
        half_width = self.size[1] / (2 * self.size[0] * self.focal)
        return max(NEAR, abs(t - self.lateral) / (half_width + abs(self.yaw)))


def draw_camera(seed: int, size: tuple[int, int], road_half: float) -> Camera:
    """A slightly different mounting and lane position for every seed."""
    rng = stream(seed, 1)
    bend = 0.0
    if rng.random() < 0.45:
        bend = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.001, 0.006))
    return Camera(
        size=size,
        oversampling=2 if size[0] < 768 else 1,
        focal=float(rng.uniform(1.75, 2.25)),
        horizon=float(rng.uniform(0.36, 0.44)),
        height=float(rng.uniform(1.2, 1.5)),
        lateral=float(road_half * rng.uniform(0.22, 0.48)),
        # In a bend the driver, and with him the camera, already looks a little way round it.
        yaw=float(rng.uniform(-0.05, 0.05) - bend * 8),
        bend=bend,
    )
