"""Vehicles in their colours: cars, vans, trucks, buses and trams."""

from __future__ import annotations

import numpy as np

from cityseg.data.synthetic.canvas import Canvas, Color
from cityseg.data.synthetic.cars import CAR_SHAPES, car_shape, van_shape
from cityseg.data.synthetic.light import Light
from cityseg.data.synthetic.lorries import coach_shape, truck_shape
from cityseg.data.synthetic.solids import FrozenSolid

_CAR_PAINTS: tuple[Color, ...] = (
    (30, 31, 34), (52, 54, 58), (92, 95, 99), (150, 154, 157), (186, 188, 188), (222, 222, 218), (236, 236, 232),
    (110, 22, 24), (150, 28, 28), (24, 40, 84), (44, 72, 120), (30, 62, 48), (120, 104, 78), (66, 34, 40),
    (176, 128, 40), (88, 116, 136),
)  # fmt: skip
_LORRY_PAINTS: tuple[Color, ...] = ((224, 224, 220), (186, 58, 40), (40, 74, 130), (212, 168, 52), (60, 110, 84))
_BUS_PAINTS: tuple[Color, ...] = ((222, 186, 60), (168, 36, 38), (58, 110, 152), (226, 226, 222), (84, 132, 92))
_TRAM_PAINTS: tuple[Color, ...] = ((232, 206, 72), (190, 40, 44), (222, 224, 222), (54, 96, 150))

_PARTS: dict[str, Color] = {
    "glass": (48, 56, 64),
    "trim": (34, 34, 36),
    "under": (22, 22, 24),
    "tyre": (28, 28, 29),
    "hub": (134, 136, 138),
    "arch": (18, 18, 19),
    "tail": (132, 20, 22),
    "head": (206, 210, 208),
    "amber": (214, 136, 40),
    "plate": (226, 226, 214),
    "grille": (40, 41, 43),
    "screen": (236, 196, 96),
    "chrome": (150, 152, 154),
}


def _palette(paint: Color, rng: np.random.Generator) -> dict[str, Color]:
    colors = dict(_PARTS)
    glass = int(rng.integers(-14, 16))
    colors["glass"] = (44 + glass, 52 + glass, 60 + glass)
    colors["shine"] = (92 + glass, 104 + glass, 114 + glass)
    colors["paint"] = paint
    colors["crease"] = (paint[0] * 4 // 5, paint[1] * 4 // 5, paint[2] * 4 // 5)
    return colors


def car(canvas: Canvas, light: Light, rng: np.random.Generator, place: tuple[float, float], heading: float) -> None:
    """A passenger car at world (x, z); heading 0 drives away from the camera, pi comes towards it."""
    shape = CAR_SHAPES[int(rng.integers(len(CAR_SHAPES)))]
    solid = car_shape(shape) if rng.random() < 0.9 else van_shape()
    colors = _palette(_CAR_PAINTS[int(rng.integers(len(_CAR_PAINTS)))], rng)
    size = float(rng.uniform(0.93, 1.07))
    _park(canvas, light, solid, "car", place, heading, colors, (1.0, size, size), 1.45)


def truck(canvas: Canvas, light: Light, rng: np.random.Generator, place: tuple[float, float], heading: float) -> None:
    """A lorry with a box or an open bed."""
    solid = truck_shape("box" if rng.random() < 0.72 else "open")
    colors = _palette(_LORRY_PAINTS[int(rng.integers(len(_LORRY_PAINTS)))], rng)
    colors["load"] = _LORRY_PAINTS[int(rng.integers(len(_LORRY_PAINTS)))] if rng.random() < 0.5 else (216, 216, 212)
    colors["stripe"] = colors["paint"]
    _park(canvas, light, solid, "truck", place, heading, colors, (1.0, 1.0, 0.9), 3.4)


def bus(canvas: Canvas, light: Light, rng: np.random.Generator, place: tuple[float, float], heading: float) -> None:
    """A city bus."""
    colors = _palette(_BUS_PAINTS[int(rng.integers(len(_BUS_PAINTS)))], rng)
    colors["skirt"] = (60, 62, 66) if rng.random() < 0.5 else colors["crease"]
    colors["sign"] = (20, 20, 22)
    _park(canvas, light, coach_shape("bus"), "bus", place, heading, colors, (1.0, 1.0, 1.0), 3.0)


def tram_paint(rng: np.random.Generator) -> dict[str, Color]:
    """Colours that all cars of one tram share."""
    colors = _palette(_TRAM_PAINTS[int(rng.integers(len(_TRAM_PAINTS)))], rng)
    colors["skirt"] = (56, 58, 62)
    colors["sign"] = (20, 20, 22)
    return colors


def tram_car(
    canvas: Canvas,
    light: Light,
    owner: int,
    kind: str,
    place: tuple[float, float],
    heading: float,
    colors: dict[str, Color],
) -> None:
    """One car (first, middle, last) of a tram that already has an owner number."""
    position = place[0], 0.0, place[1]
    solid = coach_shape(kind)
    solid.shadow(canvas, light, position, heading, 3.2)
    solid.paint(canvas, light, owner, position, heading, colors)


def _park(
    canvas: Canvas,
    light: Light,
    solid: FrozenSolid,
    label: str,
    place: tuple[float, float],
    heading: float,
    colors: dict[str, Color],
    gains: tuple[float, float, float],
    height: float,
) -> None:
    owner = canvas.own(label, depth=place[1])
    position = place[0], 0.0, place[1]
    solid.shadow(canvas, light, position, heading, height)
    solid.paint(canvas, light, owner, position, heading, colors, gains)
