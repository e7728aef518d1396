"""Who and what is in the street: where vehicles, people, trees and furniture stand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from cityseg.data.synthetic import cycles, furniture, people, vehicles
from cityseg.data.synthetic.camera import stream
from cityseg.data.synthetic.canvas import Canvas
from cityseg.data.synthetic.frontage import SHAPES, Item
from cityseg.data.synthetic.light import Light
from cityseg.data.synthetic.plants import bush, tree
from cityseg.data.synthetic.street import Side, Street

_AWAY, _TOWARDS = 0.0, float(np.pi)


class TrafficPlanner:
    """Plans everything that stands or moves between the frontages."""

    def __init__(self, canvas: Canvas, street: Street, light: Light, seed: int) -> None:
        self.canvas = canvas
        self.camera = canvas.camera
        self.street = street
        self.light = light
        self.seed = seed
        # Items are painted in one fixed order, so that they may share what decides their looks.
        self.looks = stream(seed, 33)
        self.taken: list[tuple[float, float, float, float]] = []
        self.found: list[Item] = []

    def items(self) -> list[Item]:
        """Everything in the street, not yet in painting order."""
        rng = stream(self.seed, 20)
        self._tram(rng)
        self._moving(rng)
        for side in self.street.sides:
            self._parked(side, stream(self.seed, 23 + side.sign))
            self._furniture(side, stream(self.seed, 26 + side.sign))
            self._people(side, stream(self.seed, 29 + side.sign))
        self._crossing(stream(self.seed, 32))
        return self.found

    def _free(self, t: float, s: float, half_width: float, half_length: float) -> bool:
        """Reserve a rectangle of the street if nothing stands there yet."""
        box = t - half_width, t + half_width, s - half_length, s + half_length
        for other in self.taken:
            if box[0] < other[1] and box[1] > other[0] and box[2] < other[3] and box[3] > other[2]:
                return False
        self.taken.append(box)
        return True

    def _put(self, s: float, paint: Callable[[], None]) -> None:
        if s > self.street.end - 1.5:
            return

        def guarded() -> None:
            if self.canvas.room > 6:
                paint()

        self.found.append(Item(s, guarded))

    def _add(self, paint: Callable[..., None], t: float, s: float, *looks: object, **more: object) -> None:
        """Let something that chooses its own looks stand at the street point (t, s)."""
        self._put(s, partial(paint, self.canvas, self.light, self.looks, self._place(t, s), *looks, **more))

    def _place(self, t: float, s: float) -> tuple[float, float]:
        return self.camera.x(t, s), s

    def _vehicle(self, kind: str, t: float, s: float, direction: float, rng: np.random.Generator) -> None:
        half = {"car": 2.4, "truck": 4.2, "bus": 6.1}[kind]
        if s - half < 3.5 or not self._free(t, s, 0.95 if kind == "car" else 1.3, half + 0.3):
            return
        paint = {"car": vehicles.car, "truck": vehicles.truck, "bus": vehicles.bus}[kind]
        self._add(paint, t, s, self.camera.heading(s) + direction + float(rng.uniform(-0.03, 0.03)))

    def _tram(self, rng: np.random.Generator) -> None:
        if not self.street.rails or rng.random() > 0.85:
            return
        t = self.street.rails[0]
        cars = int(rng.integers(3, 6))
        direction = _TOWARDS if rng.random() < 0.75 else _AWAY
        # Long vehicles start where they are in the picture, not beside the camera.
        s = max(self.camera.visible_from(t) + 6, 14.0) + float(rng.gamma(2.0, 11.0))
        colors = vehicles.tram_paint(rng)
        owner: list[int] = []

        def paint(kind: str, middle: float) -> None:
            if not owner:
                owner.append(self.canvas.own("train", depth=s + 6))
            heading = self.camera.heading(middle) + direction
            place = self._place(t, middle)
            vehicles.tram_car(self.canvas, self.light, owner[0], kind, place, heading, colors)

        for index in range(cars):
            middle = s + 3.7 + 7.5 * index
            kind = "middle"
            if index == 0:
                kind = "first" if direction else "last"
            elif index == cars - 1:
                kind = "last" if direction else "first"
            self._put(middle, partial(paint, kind, middle))
        self.taken.append((t - 1.5, t + 1.5, s - 2, s + 7.5 * cars + 3))

    def _moving(self, rng: np.random.Generator) -> None:
        street, camera = self.street, self.camera
        lanes = round(2 * street.lanes_half / street.lane)
        width = 2 * street.lanes_half / lanes
        busy = float(rng.uniform(0.15, 0.9))
        for index in range(lanes):
            t = -street.lanes_half + (index + 0.5) * width
            if street.on_rail_bed(t):
                continue
            own_lane = abs(t - camera.lateral) < width * 0.6
            direction = _AWAY if t > -0.2 else _TOWARDS
            s = (
                float(rng.uniform(12, 30))
                if own_lane
                else max(7.0, camera.visible_from(t) * 0.8) + float(rng.gamma(1.5, 8))
            )
            while s < 95:
                if rng.random() < busy:
                    roll = rng.random()
                    kind = "car" if roll < 0.88 else "truck" if roll < 0.945 else "bus"
                    if kind != "car":
                        # Long vehicles right ahead would hide the whole street.
                        s += 14
                    if roll > 0.985 or (roll < 0.05 and 14 < s < 45):
                        self._two_wheels(t + float(rng.uniform(-0.5, 0.5)), s, direction, rng)
                    else:
                        self._vehicle(kind, t + float(rng.uniform(-0.25, 0.25)), s, direction, rng)
                s += float(rng.uniform(8, 16)) + float(rng.exponential(13))
        # A cyclist or motorcyclist near the kerb.
        for _ in range(2):
            if rng.random() < 0.5:
                right = rng.random() < 0.72
                t = (1 if right else -1) * (street.lanes_half - 0.7)
                if street.on_rail_bed(t):
                    continue
                s = max(9.0, camera.visible_from(t) * 1.15) + float(rng.gamma(2.0, 7))
                self._two_wheels(t, s, _AWAY if right else _TOWARDS, rng)

    def _two_wheels(self, t: float, s: float, direction: float, rng: np.random.Generator) -> None:
        if not self._free(t, s, 0.5, 1.4):
            return
        paint = cycles.bicycle if rng.random() < 0.62 else cycles.motorcycle
        turn = float(rng.uniform(0.05, 0.25)) * (1 if direction == _AWAY else -1)
        self._add(paint, t, s, turn=turn, ridden=True)

    def _parked(self, side: Side, rng: np.random.Generator) -> None:
        street = self.street
        t = side.sign * (side.kerb - 1.05)
        full = float(rng.uniform(0.25, 0.85))
        start = max(5.5, 0.9 * self.camera.visible_from(t))
        if side.bays:
            s = start + float(rng.uniform(0, 3))
            while s < 75:
                if rng.random() < full and not street.crossed(s - 5, s + 5):
                    roll = rng.random()
                    kind = "car" if roll < 0.97 or s < 14 else "truck"
                    direction = _AWAY if side.sign > 0 or rng.random() < 0.2 else _TOWARDS
                    self._vehicle(kind, t + float(rng.uniform(-0.12, 0.12)), s, direction, rng)
                s += float(rng.uniform(5.4, 7.5))
        # Two-wheelers parked at the kerb or leaning at the frontage.
        if rng.random() < 0.45:
            s = start + 1 + float(rng.gamma(2.0, 5))
            paint = cycles.bicycle if rng.random() < 0.6 else cycles.motorcycle
            for index in range(int(rng.integers(1, 5))):
                at = side.sign * (side.front - 0.8 if paint is cycles.bicycle else side.kerb + 0.9)
                depth = s + index * 1.3
                turn = float(rng.uniform(0.35, 0.95) * rng.choice([-1, 1]))
                if not street.crossed(depth - 2, depth + 2) and self._free(at, depth, 0.4, 0.55):
                    self._add(paint, at, depth, turn=turn)

    def _furniture(self, side: Side, rng: np.random.Generator) -> None:
        street, light = self.street, self.light
        t = side.sign * (side.kerb + 0.55)
        inward = -float(side.sign)
        start = max(7.0, self.camera.visible_from(t) * 1.05)
        green = int(rng.integers(6))
        planted = (
            rng.random() < {"city": 0.45, "suburb": 0.6, "park": 0.75, "works": 0.35}[side.character] or side.verge > 0
        )
        shape = SHAPES[int(rng.integers(3))]
        spacing, size = float(rng.uniform(7.5, 13)), float(rng.uniform(6, 11.5))
        lamps, height = float(rng.uniform(18, 32)), float(rng.uniform(6, 9))
        if rng.random() < 0.9:
            s = start + float(rng.uniform(0, 14))
            while s < 90:
                if not street.crossed(s - 1, s + 1) and self._free(t, s, 0.2, 0.3):
                    self._add(furniture.lamp, t, s, inward, height)
                s += lamps
        if planted:
            s = start + float(rng.uniform(0, spacing))
            while s < 80:
                at = side.sign * (side.kerb + (0.3 + side.verge / 2 if side.verge else 0.9))
                if not street.crossed(s - 3, s + 3) and self._free(at, s, 0.3, 1.0):
                    tall = size * float(rng.uniform(0.85, 1.15))
                    self._add(tree, at, s, tall, shape=shape, green=green)
                s += spacing * float(rng.uniform(0.9, 1.2)) * (1.0 if s < 60 else 1.6)
        for _ in range(int(rng.integers(1, 4))):
            s = start + float(rng.gamma(1.6, 9))
            at = side.sign * (side.kerb + float(rng.uniform(0.4, 0.8)))
            if not street.crossed(s - 0.5, s + 0.5) and self._free(at, s, 0.3, 0.4):
                self._add(furniture.sign, at, s)
        for _ in range(int(rng.integers(0, 3))):
            s = start + float(rng.gamma(1.6, 8))
            at = side.sign * (side.front - 0.7)
            if not street.crossed(s - 2, s + 2) and self._free(at, s, 0.6, 0.9):
                heading = self.camera.heading(s) + (0.0 if side.sign > 0 else _TOWARDS)
                self._add(furniture.static, at, s, heading)
        if side.verge and rng.random() < 0.4:
            s = start + float(rng.uniform(0, 8))
            for index in range(3):
                depth = s + 3.5 * index
                at = side.sign * (side.kerb + side.verge / 2 + 0.3)
                if not street.crossed(depth - 2, depth + 2) and self._free(at, depth, 0.4, 0.7):
                    self._add(bush, at, depth, float(rng.uniform(0.6, 1.1)), green)
        if rng.random() < 0.2:
            s = start
            for index in range(7):
                depth = s + 1.6 * index
                if self._free(side.sign * (side.kerb + 0.45), depth, 0.1, 0.1) and not street.crossed(depth, depth):
                    places = [self._place(side.sign * (side.kerb + 0.45), depth)]
                    self._put(depth, partial(furniture.bollards, self.canvas, light, places))
        self._signals(side, rng, inward)

    def _signals(self, side: Side, rng: np.random.Generator, inward: float) -> None:
        street = self.street
        t = side.sign * (side.kerb + 0.45)
        phase = int(rng.choice([0, 0, 2, 2, 1]))
        stops = []
        if street.crosswalk is not None and street.crosswalk > self.camera.visible_from(t):
            stops.append(street.crosswalk - 0.6)
        if street.junction is not None:
            stops.append(street.junction + street.junction_width + 0.9)
        for index, s in enumerate(stops):
            if rng.random() < 0.85:
                arm = side.sign > 0 and index == 0 and rng.random() < 0.6
                place = self._place(t, s)
                self._put(s, partial(furniture.traffic_light, self.canvas, self.light, place, inward, phase, arm=arm))

    def _people(self, side: Side, rng: np.random.Generator) -> None:
        low, high = side.kerb + side.verge + 0.7, side.front - 0.5
        start = max(5.5, self.camera.visible_from(side.sign * (low + high) / 2) * 1.0)
        count = int(rng.poisson(7.0 if side.character == "city" else 3.5))
        for _ in range(count):
            s = start + float(rng.gamma(1.3, 9))
            t = side.sign * float(rng.uniform(low, high))
            group = 2 if rng.random() < 0.25 else 1
            for index in range(group):
                at = t + 0.55 * index
                if s < 65 and self._free(at, s, 0.24, 0.25):
                    child = index == 1 and rng.random() < 0.4
                    self._add(people.person, at, s, child=child)

    def _crossing(self, rng: np.random.Generator) -> None:
        """People on the zebra, and vehicles in the crossing street."""
        street = self.street
        if street.crosswalk is not None and rng.random() < 0.75:
            for _ in range(int(rng.integers(1, 6))):
                s = street.crosswalk + float(rng.uniform(0.4, 2.8))
                t = float(rng.uniform(-street.sides[0].kerb, street.sides[1].kerb))
                if s > 6.5 and self._free(t, s, 0.3, 0.3):
                    if rng.random() < 0.12:
                        turn = float(rng.uniform(0.8, 1.0) * rng.choice([-1, 1]))
                        self._add(cycles.bicycle, t, s, turn=turn, ridden=True)
                    else:
                        self._add(people.person, t, s)
        if street.junction is None:
            return
        for lane in (0.28, 0.72):
            s = street.junction + lane * street.junction_width
            direction = np.pi / 2 if lane < 0.5 else -np.pi / 2
            t = float(rng.uniform(-14, -6))
            while t < 16:
                if rng.random() < 0.38:
                    self._across(t, s, float(direction), rng)
                t += float(rng.uniform(7, 12))

    def _across(self, t: float, s: float, direction: float, rng: np.random.Generator) -> None:
        roll = rng.random()
        heading = direction + float(rng.uniform(-0.06, 0.06))
        if roll < 0.6:
            if self._free(t, s, 2.5, 1.0):
                self._add(vehicles.car, t, s, heading)
        elif roll < 0.86:
            if self._free(t, s, 1.2, 0.6):
                paint = cycles.bicycle if rng.random() < 0.6 else cycles.motorcycle
                turn = float(np.sign(direction)) * 0.97
                self._add(paint, t, s, turn=turn, ridden=True)
        elif self._free(t, s, 6.2, 1.3):
            big = vehicles.bus if rng.random() < 0.5 else vehicles.truck
            self._add(big, t, s, heading)
