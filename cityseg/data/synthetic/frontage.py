"""What lines the street: rows of houses, gardens behind walls, fences and hedges, and the view at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cityseg.data.synthetic.camera import FAR, stream
from cityseg.data.synthetic.canvas import Canvas, Color
from cityseg.data.synthetic.facades import VARIANTS, Front, front
from cityseg.data.synthetic.light import Light
from cityseg.data.synthetic.plants import bush, hedge, tree
from cityseg.data.synthetic.street import Side, Street
from cityseg.data.synthetic.textures import fence, masonry

SHAPES = ("round", "tall", "wide", "round", "conifer")


class Item(NamedTuple):
    """Something to paint, and how far away it counts as when painting far to near."""

    depth: float
    paint: Callable[[], None]


class FrontagePainter:
    """Plans the lots along both sides of a street and paints each."""

    def __init__(self, canvas: Canvas, street: Street, light: Light, seed: int) -> None:
        self.canvas = canvas
        self.camera = canvas.camera
        self.street = street
        self.light = light
        self.seed = seed
        # Lots are painted in one fixed order, so that they may share what decides their looks.
        self.looks = stream(seed, 11)

    def items(self) -> list[Item]:
        """Every lot of both sides, not yet in painting order."""
        found: list[Item] = []
        for side in self.street.sides:
            found += self._side(side)
        if self.street.closed:
            found.append(Item(self.street.end, self._facing_row))
        else:
            found.append(Item(FAR, self._view))
        return found

    def _side(self, side: Side) -> list[Item]:
        rng = stream(self.seed, 10 + side.sign)
        found: list[Item] = []
        s = max(1.2, 0.55 * self.camera.visible_from(side.sign * side.front) - float(rng.uniform(0, 8)))
        green = int(rng.integers(6))
        while s < min(145.0, self.street.end):
            kind = str(rng.choice(["house", "garden", "trees", "yard"], p=_MIX[side.character]))
            house = front(int(rng.integers(VARIANTS)))
            length = house.width if kind == "house" else float(rng.uniform(9, 24))
            # Far lots are long, because their ends are invisible.
            length *= 1.0 if s < 70 else 1.6
            junction = self.street.junction
            if junction is not None and s < junction + self.street.junction_width and s + length > junction - 2.5:
                if junction - 2.5 - s > 5:
                    length = junction - 2.5 - s
                else:
                    s = junction + self.street.junction_width + 2.8
                    continue
            paint = self._painter(kind, side, s, s + length, house, green)
            found.append(Item(s + length, paint))
            s += length
            if kind == "house" and side.character == "suburb":
                s += float(rng.uniform(0, 3))
        return found

    def _painter(self, kind: str, side: Side, s0: float, s1: float, house: Front, green: int) -> Callable[[], None]:
        def paint() -> None:
            if self.canvas.room < 60:
                return
            rng = self.looks
            if kind == "house":
                self._house(side.sign * side.front, s0, s1, house, rng)
            elif kind == "garden":
                self._garden(side, s0, s1, house, rng, green)
            elif kind == "trees":
                self._trees(side, s0, s1, rng, green)
            else:
                self._yard(side, s0, s1, house, rng, green)

        return paint

    def _house(self, t: float, s0: float, s1: float, house: Front, rng: np.random.Generator, tall: float = 1.0) -> None:
        """A house whose front stands on the street line t."""
        canvas, camera, light = self.canvas, self.camera, self.light
        sign = 1.0 if t > 0 else -1.0
        high = house.height * tall * float(rng.uniform(1.0, 1.3))
        tint = np.array([1.0, 1.0, 1.0]) * rng.uniform(0.86, 1.1) + rng.uniform(-0.05, 0.05, 3)
        corners = camera.street(np.array([[t, 0, s0], [t, 0, s1], [t, high, s1], [t, high, s0]]))
        inner = camera.street(np.array([[t, 0, s0], [t + sign * 11, 0, s0]]))
        angle = camera.heading((s0 + s1) / 2)
        normal = (-sign * float(np.cos(angle)), 0.0, sign * float(np.sin(angle)))
        gain = np.array(light.gain(normal)) * tint
        owner = canvas.own_wall("building", corners)
        pitch = 0.0 if house.modern else float(rng.uniform(2.0, 4.2))
        end = np.array(light.gain((0.0, 0.0, -1.0))) * tint * 0.97
        if abs(inner[1, 0]) > abs(inner[0, 0]):
            gable = np.vstack([inner, inner[::-1]])
            gable[2:, 1] = high
            if pitch:
                middle = (gable[2] + gable[3]) / 2 + (0, pitch, 0)
                gable = np.vstack([gable[:3], middle, gable[3:]])
            self._gable(gable, house, end, rng, s0)
        # In a sharp bend a front turns away, and its plane would be seen edge-on.
        (x0, _, z0), (x1, _, z1) = corners[:2].tolist()
        if sign * (x0 * z1 - x1 * z0) < 0.8 * (s1 - s0):
            return
        if pitch:
            tile = _ROOFS[int(rng.integers(len(_ROOFS)))]
            roof_gain = np.array(light.gain((-sign * 0.6, 0.8, 0.0)))
            ridge = camera.street(np.array([[t + sign * 5.0, high + pitch, s1], [t + sign * 5.0, high + pitch, s0]]))
            eaves = corners[[3, 2]]
            canvas.shape(np.vstack([eaves, ridge]), _lit(tile, roof_gain), owner)
            for _ in range(int(rng.integers(0, 3))):
                self._chimney(t + sign * 4.0, float(rng.uniform(s0 + 1, s1 - 1)), high + pitch * 0.8, house, owner)
        self._shade(t, s0, s1, high)
        canvas.wall(corners, house.pictures, owner, light=gain.tolist())

    def _shade(self, t: float, s0: float, s1: float, high: float) -> None:
        """The shadow that a house throws across the street."""
        dx, dz = self.light.shadow(high)
        if self.light.cover > 0.55 or dx * t > 0:
            return
        foot = self.camera.street(np.array([[t, 0.0, s0], [t, 0.0, s1]]))
        cast = foot[::-1] + np.array([dx, 0.0, dz])
        cast[:, 2] = np.maximum(cast[:, 2], 1.0)
        self.canvas.shade(np.vstack([foot, cast]), round(0.8 * self.light.shadow_strength))

    def _gable(self, outline: np.ndarray, house: Front, gain: np.ndarray, rng: np.random.Generator, s: float) -> None:
        """The blank end wall that looks at the camera, with a few windows."""
        canvas = self.canvas
        owner = canvas.own("building", depth=s)
        canvas.shape(outline, _lit(house.color, gain), owner)
        left, right = outline[0], outline[1]
        floors = int((outline[2, 1] - 1) // 3.1)
        if s < 60 and rng.random() < 0.55:
            for floor in range(1, floors):
                for place in (0.2, 0.55):
                    foot = left + (right - left) * place
                    across = (right - left) * 0.1
                    low, high = np.array([0, floor * 3.1 + 0.9, 0]), np.array([0, floor * 3.1 + 2.4, 0])
                    glass = _lit((70, 78, 86), np.minimum(gain, 1.0))
                    canvas.shape(
                        np.array([foot + low, foot + across + low, foot + across + high, foot + high]), glass, owner
                    )

    def _chimney(self, t: float, s: float, base: float, house: Front, owner: int) -> None:
        points = np.array([[t, base - 1.5, s], [t, base - 1.5, s + 0.9], [t, base + 1.1, s + 0.9], [t, base + 1.1, s]])
        self.canvas.shape(self.camera.street(points), (118, 84, 72), owner)

    def _barrier(self, t: float, s0: float, s1: float, rng: np.random.Generator, kind: str, green: int) -> None:
        """A wall, fence or hedge on the frontage line."""
        canvas, camera = self.canvas, self.camera
        if kind == "hedge":
            hedge(canvas, self.light, rng, t, s0, s1, height=float(rng.uniform(1.2, 2.3)), green=green)
            return
        height = float(rng.uniform(1.3, 2.9)) if kind == "wall" else float(rng.uniform(1.3, 2.4))
        normal = (-1.0 if t > 0 else 1.0, 0.0, 0.0)
        gain = np.array(self.light.gain(normal)) * rng.uniform(0.85, 1.1)
        variant = int(rng.integers(8))
        far = s1
        while far > s0 + 0.1:
            near = max(s0, far - 12.0)
            corners = camera.street(np.array([[t, 0, near], [t, 0, far], [t, height, far], [t, height, near]]))
            if kind == "wall":
                canvas.wall(corners, masonry(variant), canvas.own_wall("wall", corners), light=gain.tolist())
            else:
                canvas.wall(corners, fence(variant), canvas.own_wall("fence", corners), light=gain.tolist())
            far = near

    def _garden(self, side: Side, s0: float, s1: float, house: Front, rng: np.random.Generator, green: int) -> None:
        """A house set back behind a barrier, with trees and bushes between."""
        t = side.sign * side.front
        self._house(t + side.sign * float(rng.uniform(5, 9)), s0, min(s1, s0 + house.width), house, rng, tall=0.75)
        for _ in range(int(rng.integers(1, 4))):
            s = float(rng.uniform(s0, s1))
            at = t + side.sign * float(rng.uniform(1.5, 5))
            if rng.random() < 0.55:
                shape = SHAPES[int(rng.integers(len(SHAPES)))]
                foot = self.camera.x(at, s), s
                tree(self.canvas, self.light, rng, foot, float(rng.uniform(4.5, 9)), shape=shape, green=green)
            else:
                bush(self.canvas, self.light, rng, (self.camera.x(at, s), s), float(rng.uniform(1.2, 2.4)), green)
        kind = str(rng.choice(["wall", "fence", "hedge"], p=[0.24, 0.54, 0.22]))
        self._barrier(t, s0, s1, rng, kind, green)

    def _trees(self, side: Side, s0: float, s1: float, rng: np.random.Generator, green: int) -> None:
        """Open ground with a belt of trees."""
        count = int(np.clip((s1 - s0) / 4.0, 2, 5))
        for place in np.linspace(s1, s0 + 1.0, count):
            s = float(place + rng.uniform(-1, 1))
            at = side.sign * (side.front + float(rng.uniform(2.0, 9)))
            shape = SHAPES[int(rng.integers(len(SHAPES)))]
            size = float(rng.uniform(6.5, 14))
            tree(self.canvas, self.light, rng, (self.camera.x(at, s), s), size, shape=shape, green=green)
            if rng.random() < 0.6:
                at = side.sign * (side.front + float(rng.uniform(0.8, 2.5)))
                bush(self.canvas, self.light, rng, (self.camera.x(at, s), s), float(rng.uniform(0.8, 2.2)), green)
        if rng.random() < 0.4:
            kind = str(rng.choice(["wall", "fence", "hedge"], p=[0.22, 0.56, 0.22]))
            self._barrier(side.sign * (side.front + 0.2), s0, s1, rng, kind, green)

    def _yard(self, side: Side, s0: float, s1: float, house: Front, rng: np.random.Generator, green: int) -> None:
        """A works yard or site: wall or hoarding, a hall far behind."""
        t = side.sign * side.front
        if rng.random() < 0.7:
            self._house(t + side.sign * float(rng.uniform(8, 16)), s0, s1, house, rng, tall=0.7)
        if rng.random() < 0.6:
            s = (s0 + s1) / 2
            foot = self.camera.x(t + side.sign * 3, s), s
            tree(self.canvas, self.light, rng, foot, float(rng.uniform(5, 9)), shape="round", green=green)
        self._barrier(t, s0, s1, rng, "wall" if rng.random() < 0.5 else "fence", green)

    def _facing_row(self) -> None:
        """The houses that close a street which ends at a crossing one."""
        canvas = self.canvas
        depth, rng = self.street.end, self.looks
        reach = depth * self.camera.size[1] / (2 * self.camera.size[0] * self.camera.focal) + 2
        x = -reach - float(rng.uniform(0, 14))
        gain = np.array(self.light.gain((0.0, 0.0, -1.0)))
        while x < reach:
            house = front(int(rng.integers(VARIANTS)))
            high = house.height * float(rng.uniform(0.95, 1.1))
            tint = gain * rng.uniform(0.92, 1.1)
            points = np.array(
                [[x, 0, depth], [x + house.width, 0, depth], [x + house.width, high, depth], [x, high, depth]]
            )
            owner = canvas.own("building", depth=depth)
            if not house.modern:
                roof = points[[3, 2, 2, 3]] + np.array([[0, 0, 0], [0, 0, 0], [-0.8, 3.4, 4.0], [0.8, 3.4, 4.0]])
                canvas.shape(roof, _lit(_ROOFS[int(rng.integers(len(_ROOFS)))], tint), owner)
            canvas.wall(points, house.pictures, owner, light=tint.tolist())
            x += house.width

    def _view(self) -> None:
        """The end of the street: distant houses and trees that close the gap."""
        canvas, camera, light = self.canvas, self.camera, self.light
        rng = stream(self.seed, 12)
        x = -120.0
        owner = canvas.own("building", depth=FAR)
        foliage = canvas.own("vegetation", depth=FAR * 0.95)
        while x < 120:
            wide, high = float(rng.uniform(16, 34)), float(rng.uniform(8, 22))
            # Far to the sides only trees can show between the lots.
            if rng.random() < 0.5 and abs(x + wide / 2 - camera.x(0.0, FAR)) < 60:
                points = np.array([[x, 0, FAR], [x + wide, 0, FAR], [x + wide, high, FAR], [x, high, FAR]])
                base = front(int(rng.integers(VARIANTS)))
                gain = np.array(light.gain((0.0, 0.0, -1.0)))
                canvas.wall(points, base.pictures, owner, light=gain.tolist())
            else:
                points = np.array([[x, 0, FAR], [x + wide, 0, FAR], [x + wide, high * 0.6, FAR], [x, high * 0.6, FAR]])
                points = np.insert(points, 3, [x + wide / 2, high * 0.8, FAR], axis=0)
                canvas.shape(points, _lit((76, 88, 58), np.array(light.gain((0.0, 0.6, -0.8)))), foliage)
            x += wide


_MIX = {
    "city": [0.82, 0.08, 0.06, 0.04],
    "suburb": [0.3, 0.45, 0.17, 0.08],
    "park": [0.12, 0.16, 0.64, 0.08],
    "works": [0.34, 0.1, 0.2, 0.36],
}
_ROOFS: tuple[Color, ...] = ((118, 66, 50), (84, 76, 74), (98, 60, 48), (70, 70, 76), (136, 84, 62))


def _lit(color: Color, gain: np.ndarray) -> list[int]:
    result: list[int] = np.clip(np.rint(np.array(color) * gain), 0, 255).astype(int).tolist()
    return result
