"""Flat figures that face the camera, and what they wear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cityseg.data.synthetic.canvas import Canvas, Color
from cityseg.data.synthetic.light import Light

CLOTHES: tuple[Color, ...] = (
    (38, 40, 48), (60, 62, 68), (36, 50, 82), (92, 44, 46), (72, 84, 66), (150, 142, 130), (182, 178, 172),
    (120, 96, 72), (48, 76, 98), (164, 60, 52), (196, 168, 84), (90, 72, 96), (210, 206, 200),
)  # fmt: skip
TROUSERS: tuple[Color, ...] = ((34, 36, 44), (44, 54, 78), (70, 66, 60), (90, 84, 74), (28, 28, 30), (66, 78, 96))
SKIN: tuple[Color, ...] = ((206, 164, 138), (188, 142, 114), (150, 106, 80), (104, 72, 54), (216, 178, 154))
HAIR: tuple[Color, ...] = ((36, 28, 24), (74, 54, 38), (132, 104, 66), (150, 146, 140), (20, 18, 18))


DISTINCT = 44.0
"""Canvas pixels per metre below which hands, shoes and folds of clothes are left out."""

_CIRCLE = [(float(np.cos(angle)), float(np.sin(angle))) for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False)]


class Figure:
    """Draws in metres right of and above a foot point that stands at a fixed depth."""

    def __init__(
        self,
        canvas: Canvas,
        light: Light,
        owner: int,
        place: tuple[float, float],
        *,
        turn: float = 1.0,
        size: float = 1.0,
    ) -> None:
        self.canvas = canvas
        self.owner = owner
        self.column, self.row = canvas.camera.project(np.array([[place[0], 0.0, place[1]]]))[0].tolist()
        self.pixels = canvas.camera.scale / place[1] * size
        self.turn = turn
        self.distinct = self.pixels > DISTINCT
        front = light.gain((0.0, 0.2, -0.98))
        self.bright = sum(front) / 3 * 1.04
        self.sun_right = light.sun[0] > 0

    def at(self, points: Sequence[tuple[float, float]]) -> list[int]:
        """Canvas positions of points, metres, as Pillow's flat list; plain numbers, for these lists are short."""
        across, column, row = self.pixels * self.turn, self.column, self.row
        flat: list[int] = []
        for x, y in points:
            flat += (round(column + x * across), round(row - y * self.pixels))
        return flat

    def tone(self, color: Color, gain: float = 1.0) -> Color:
        red, green, blue = (min(255, round(channel * gain * self.bright)) for channel in color)
        return red, green, blue

    def detail(self, points: Sequence[tuple[float, float]], color: Color, gain: float = 1.0) -> None:
        """Fill a polygon that only near figures show."""
        if self.distinct:
            self.fill(points, color, gain)

    def fill(self, points: Sequence[tuple[float, float]], color: Color, gain: float = 1.0) -> None:
        self.canvas.draw.polygon(self.at(points), fill=(*self.tone(color, gain), self.owner))

    def oval(self, x: float, y: float, wide: float, high: float, color: Color, gain: float = 1.0) -> None:
        corners = _CIRCLE if self.distinct else _CIRCLE[::2]
        self.fill([(x + wide * cos, y + high * sin) for cos, sin in corners], color, gain)

    def limb(self, points: list[tuple[float, float]], width: float, color: Color, gain: float = 1.0) -> None:
        thick = max(width * self.pixels, self.canvas.camera.oversampling)
        ink = (*self.tone(color, gain), self.owner)
        self.canvas.draw.line(self.at(points), fill=ink, width=round(thick), joint="curve" if thick > 4 else None)

    def wheel(self, x: float, y: float, radius: float, tyre: Color) -> None:
        """A spoked wheel: the street shows through, yet the whole disc belongs to it, as annotators draw it."""
        outline = [(x + radius * cos, y + radius * sin) for cos, sin in _CIRCLE]
        self.canvas.claim(np.array(self.at(outline), dtype=np.float64).reshape(-1, 2), self.owner)
        if self.pixels > 60:
            for point in outline[::2]:
                self.limb([(x, y), point], 0.012, (120, 122, 124))
        self.limb([*outline, *outline[:2]], 0.055, tyre, 0.9)
        self.oval(x, y, 0.05, 0.05, (70, 70, 72))

    def shadow(self, light: Light, place: tuple[float, float], wide: float, height: float) -> None:
        x, z = place
        if z > 60:
            return
        dx, dz = light.shadow(height)
        if z + min(dz, 0.0) < 1.5:
            dx = dz = 0.0
        across = np.array([[x - wide, 0, z], [x + wide, 0, z], [x + wide + dx, 0, z + dz], [x - wide + dx, 0, z + dz]])
        self.canvas.shade(across, light.shadow_strength)
        spot = np.array(
            [[x - wide, 0, z - 0.22], [x + wide, 0, z - 0.22], [x + wide, 0, z + 0.25], [x - wide, 0, z + 0.25]]
        )
        self.canvas.shade(spot, 150)
