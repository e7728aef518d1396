"""The plan of one street and its ground: road, kerbs, sidewalks, grass, markings, rails, a junction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.data.synthetic.camera import FAR, NEAR, Camera, stream
from cityseg.data.synthetic.canvas import Canvas, Color

GROUND_LABELS = ("road", "sidewalk", "terrain", "parking", "rail track")


@dataclass(frozen=True, slots=True)
class Side:
    """What lies beside the carriageway on one side, all widths in metres.

    Attributes:
        sign: +1 right, -1 left.
        bays: width of the parking bays next to the lanes (0: none).
        parking_label: whether those bays are paved apart from the road (void in Cityscapes).
        verge: width of the grass strip between kerb and sidewalk (0: none).
        sidewalk: width of the sidewalk.
        front: distance of the frontage from the street's middle line.
        character: what mostly stands there: city, suburb, park, works.
    """

    sign: int
    bays: float
    parking_label: bool
    verge: float
    sidewalk: float
    kerb: float
    front: float
    character: str


@dataclass(frozen=True, slots=True)
class Street:
    """The plan.

    Attributes:
        lanes_half: half the width of the driving lanes, metres.
        lane: width of one lane, metres.
        sides: (left, right).
        rails: distances of tram track centres from the middle line, metres.
        rail_bed: whether the track has a bed of its own (void in Cityscapes) or runs in the road.
        junction: depth of a crossing street's near kerb, metres, or None.
        junction_width: its width, metres.
        closed: whether the street ends there, before a row of houses.
        crosswalk: depth of zebra stripes, metres, or None.
        asphalt, paving, grass, bay: colours of the ground.
    """

    lanes_half: float
    lane: float
    sides: tuple[Side, Side]
    rails: tuple[float, ...]
    rail_bed: bool
    junction: float | None
    junction_width: float
    closed: bool
    crosswalk: float | None
    asphalt: Color
    paving: Color
    grass: Color
    bay: Color

    @property
    def end(self) -> float:
        """Depth at which nothing of the street follows any more, metres."""
        if self.junction is None or not self.closed:
            return FAR
        return self.junction + self.junction_width + 3.2

    def on_rail_bed(self, t: float) -> bool:
        """Whether the street line t lies on a tram track that no car may use."""
        return self.rail_bed and any(abs(t - rail) < 2.2 for rail in self.rails)

    def crossed(self, s0: float, s1: float) -> bool:
        """Whether the crossing street lies between depths s0 and s1."""
        return self.junction is not None and s1 > self.junction and s0 < self.junction + self.junction_width


def render_scene(seed: int) -> Street:
    """A street plan for this seed."""
    rng = stream(seed, 0)
    lane = float(rng.uniform(2.9, 3.6))
    half = lane * float(rng.choice([1.0, 1.5, 2.0], p=[0.5, 0.3, 0.2]))
    rails: tuple[float, ...] = ()
    if rng.random() < 0.27:
        half = max(half, 1.5 * lane)
        rails = (-half + 1.7,) if rng.random() < 0.4 else (-1.6, 1.6)
    town = str(rng.choice(["city", "suburb", "park", "works"], p=[0.5, 0.26, 0.14, 0.1]))
    sides = []
    for sign in (-1, 1):
        character = town if rng.random() < 0.72 else str(rng.choice(["city", "suburb", "park", "works"]))
        bays = 2.2 if rng.random() < 0.42 else 0.0
        verge = (
            float(rng.uniform(1.0, 2.6)) if rng.random() < {"city": 0.15, "suburb": 0.5}.get(character, 0.6) else 0.0
        )
        sidewalk = float(rng.uniform(2.4, 5.6))
        kerb = half + bays
        sides.append(Side(sign, bays, rng.random() < 0.3, verge, sidewalk, kerb, kerb + verge + sidewalk, character))
    junction = float(rng.uniform(17, 55)) if rng.random() < 0.42 else None
    crosswalk = None
    if junction is not None and rng.random() < 0.75:
        crosswalk = junction - float(rng.uniform(4, 5.5))
    elif rng.random() < 0.2:
        crosswalk = float(rng.uniform(9, 30))
    tone = int(rng.integers(82, 122))
    warm = int(rng.integers(-3, 6))
    paving = int(rng.integers(128, 172))
    return Street(
        lanes_half=half,
        lane=lane,
        sides=(sides[0], sides[1]),
        rails=rails,
        rail_bed=len(rails) == 1 and rng.random() < 0.7,
        junction=junction,
        junction_width=float(rng.uniform(7, 12)),
        closed=junction is not None and junction > 24 and rng.random() < 0.42,
        crosswalk=crosswalk,
        asphalt=(tone + warm, tone + 1, tone - warm + 2),
        paving=(paving + int(rng.integers(0, 14)), paving, paving - int(rng.integers(2, 16))),
        grass=(int(rng.integers(88, 118)), int(rng.integers(100, 118)), int(rng.integers(52, 68))),
        bay=(tone + 30, tone + 22, tone + 16),
    )


_ENDS, _STEPS = np.linspace(0, 1, 2), np.linspace(0, 1, 14)


class GroundPainter:
    """Paints the flat parts of a street."""

    def __init__(self, canvas: Canvas, street: Street) -> None:
        self.canvas = canvas
        self.street = street
        self.camera: Camera = canvas.camera
        plane = (0.0, 1.0 / canvas.camera.height, 0.0)
        self.owners = {label: canvas.own(label, plane=plane) for label in GROUND_LABELS}

    def strip(self, t0: float, t1: float, s0: float, s1: float, color: Color, label: str, height: float = 0.0) -> None:
        """A band between two street lines from depth s0 to s1."""
        s0, s1 = max(s0, NEAR), min(s1, FAR)
        if s0 >= s1:
            return
        pieces = 2 if s1 / s0 < 1.5 or self.camera.bend == 0.0 else 14
        depths = s0 * (s1 / s0) ** (_STEPS if pieces > 2 else _ENDS)
        points = np.full((2 * pieces, 3), height)
        points[:pieces, 0], points[pieces:, 0] = t0, t1
        points[:pieces, 2], points[pieces:, 2] = depths, depths[::-1]
        self.canvas.shape(self.camera.street(points), color, self.owners[label])

    def paint(self) -> None:
        """The whole ground, widest layer first."""
        street = self.street
        for side in street.sides:
            self._side(side)
        half_left, half_right = street.sides[0].kerb, street.sides[1].kerb
        for side in street.sides:
            edge = side.sign * side.kerb
            # The kerbstone's upright face and its light top edge.
            light = _shift(street.paving, 22)
            self.strip(edge, edge + side.sign * 0.28, NEAR, FAR, light, "sidewalk")
            self.strip(
                edge - side.sign * 0.1, edge + side.sign * 0.03, NEAR, FAR, _shift(street.paving, -62), "sidewalk"
            )
        self.strip(-half_left, half_right, NEAR, FAR, street.asphalt, "road")
        for side in street.sides:
            if side.bays:
                color, label = (street.bay, "parking") if side.parking_label else (_shift(street.asphalt, 7), "road")
                self.strip(side.sign * street.lanes_half, side.sign * side.kerb, NEAR, FAR, color, label)
            # Gutter: dust and water collect along the kerb.
            edge, label = side.sign * side.kerb, "parking" if side.bays and side.parking_label else "road"
            self.strip(edge - side.sign * 0.35, edge, NEAR, FAR, _shift(street.asphalt, -14), label)
        if street.rails:
            self._rails()
        if street.junction is not None:
            self._junction(street.junction)
        self._repairs()
        self._markings()

    def _side(self, side: Side) -> None:
        street, sign = self.street, side.sign
        beyond = street.paving if side.character in ("city", "works") else street.grass
        label = "sidewalk" if side.character in ("city", "works") else "terrain"
        self.strip(sign * side.front, sign * (side.front + 80), NEAR, FAR, beyond, label)
        self.strip(sign * side.kerb, sign * side.front, NEAR, FAR, street.paving, "sidewalk")
        if side.verge:
            inner = side.kerb + 0.28
            self.strip(sign * inner, sign * (inner + side.verge), NEAR, FAR, street.grass, "terrain")

    def _junction(self, s: float) -> None:
        street = self.street
        far = s + street.junction_width
        reach = 70.0
        for edge0, edge1 in ((s - 0.3, s), (far, far + 0.45)):
            self.strip(-reach, reach, edge0, edge1, _shift(street.paving, 14), "sidewalk")
        for side in street.sides:
            if side.character not in ("city", "works"):
                for s0, s1 in ((s - 2.8, s), (far, far + 2.8)):
                    self.strip(side.sign * side.front, side.sign * reach, s0, s1, street.paving, "sidewalk")
        self.strip(-reach, reach, s, far, street.asphalt, "road")
        # Corners are cut off so that cars can turn.
        for side in street.sides:
            t = side.sign * side.kerb
            for near, direction in ((s, -1), (far, 1)):
                points = np.array([[t, 0, near], [t, 0, near + direction * 3.0], [t + side.sign * 3.0, 0, near]])
                points = np.vstack([points, [[t - side.sign * 0.2, 0, near + direction * 3.0]]])[[0, 3, 1, 2]]
                self.canvas.shape(self.camera.street(points), street.asphalt, self.owners["road"])
        self.strip(-street.sides[0].kerb, street.sides[1].kerb, s - 1, far + 1, street.asphalt, "road")

    def _rails(self) -> None:
        street = self.street
        for t in street.rails:
            if street.rail_bed:
                bed = _shift(street.grass, 0) if street.asphalt[0] % 2 else _shift(street.paving, -22)
                self.strip(t - 1.35, t + 1.35, NEAR, FAR, bed, "rail track")
            label = "rail track" if street.rail_bed else "road"
            for rail in (t - 0.72, t + 0.72):
                self.strip(rail - 0.07, rail + 0.07, NEAR, FAR, _shift(street.asphalt, -34), label)
                self.strip(rail - 0.03, rail + 0.03, NEAR, FAR, (172, 170, 166), label)

    def _repairs(self) -> None:
        """Tar patches, cracks and manhole covers."""
        street, rng = self.street, stream(self.street.asphalt[0] * 256 + self.street.paving[0], 9)
        for _ in range(int(rng.integers(1, 5))):
            s, t = float(rng.uniform(4.5, 26)), float(rng.uniform(-0.9, 0.7)) * street.lanes_half
            wide, long = float(rng.uniform(0.6, 1.9)), float(rng.uniform(0.8, 6))
            self.strip(t, t + wide, s, s + long, _shift(street.asphalt, int(rng.integers(-17, 9))), "road")
        for _ in range(int(rng.integers(0, 3))):
            s, t = float(rng.uniform(5, 18)), float(rng.uniform(-0.8, 0.8)) * street.lanes_half
            angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
            for radius, tone in ((0.36, -26), (0.3, -10)):
                points = np.stack([t + radius * np.cos(angles), np.zeros(16), s + radius * np.sin(angles)], axis=1)
                self.canvas.shape(self.camera.street(points), _shift(street.asphalt, tone), self.owners["road"])

    def _markings(self) -> None:
        street, white = self.street, (206, 206, 200)
        lanes = round(2 * street.lanes_half / street.lane)
        stop = FAR
        spans = [(NEAR, FAR)]
        if street.junction is not None:
            stop = street.junction
            spans = [(NEAR, stop - 2), (stop + street.junction_width + 2, FAR)]
        for index in range(1, lanes):
            t = -street.lanes_half + index * 2 * street.lanes_half / lanes
            if street.on_rail_bed(t):
                continue
            solid = lanes % 2 == 0 and index == lanes // 2 and street.asphalt[1] % 3 == 0
            for s0, s1 in spans:
                if solid:
                    self.strip(t - 0.06, t + 0.06, s0, s1, white, "road")
                    continue
                start = 2.0
                while start < min(s1, 110):
                    if start >= s0:
                        self.strip(t - 0.06, t + 0.06, start, min(start + 3, s1), white, "road")
                    start += 8
        for side in street.sides:
            if side.bays and not side.parking_label:
                for s in range(3, 90, 6):
                    if not street.crossed(s - 3, s + 3):
                        inner, outer = side.sign * street.lanes_half, side.sign * side.kerb
                        self.strip(inner, outer, s, s + 0.12, white, "road")
                for s0, s1 in spans:
                    t = side.sign * street.lanes_half
                    self.strip(t - 0.05, t + 0.05, s0, s1, white, "road")
        if street.crosswalk is not None and street.crosswalk > 3:
            t = -street.sides[0].kerb + 0.4
            while t < street.sides[1].kerb - 0.5:
                self.strip(t, t + 0.5, street.crosswalk, street.crosswalk + 3.2, (214, 214, 210), "road")
                t += 1.0
            if street.crosswalk > 5:
                line = street.crosswalk - 1.4
                self.strip(0.1, street.lanes_half, line, line + 0.4, white, "road")


def _shift(color: Color, amount: int) -> Color:
    red, green, blue = (min(255, max(0, channel + amount)) for channel in color)
    return red, green, blue
