"""People on foot."""

from __future__ import annotations

import numpy as np

from cityseg.data.synthetic.canvas import Canvas
from cityseg.data.synthetic.figures import CLOTHES, HAIR, SKIN, TROUSERS, Figure
from cityseg.data.synthetic.light import Light


def person(
    canvas: Canvas, light: Light, rng: np.random.Generator, place: tuple[float, float], *, child: bool = False
) -> None:
    """A pedestrian at world (x, z): walking or standing, seen from the side, the front or behind."""
    if not canvas.sees(place, 0.5):
        return
    owner = canvas.own("person", depth=place[1])
    tall = float(rng.uniform(0.93, 1.08)) * (0.68 if child else 1.0)
    side = rng.random() < 0.5
    figure = Figure(canvas, light, owner, place, turn=float(rng.choice([-1.0, 1.0])), size=tall)
    figure.shadow(light, place, 0.24, 1.7 * tall)
    coat = CLOTHES[int(rng.integers(len(CLOTHES)))]
    legs = TROUSERS[int(rng.integers(len(TROUSERS)))]
    skin, hair = SKIN[int(rng.integers(len(SKIN)))], HAIR[int(rng.integers(len(HAIR)))]
    stride = float(rng.uniform(0.1, 0.36)) if side else float(rng.uniform(0.05, 0.11))
    swing = float(rng.uniform(0.4, 1.0)) * stride
    long_coat = rng.random() < 0.3
    if side:
        figure.limb([(0.0, 0.86), (-stride * 0.35, 0.48), (-stride, 0.06)], 0.15, legs, 0.74)
        figure.detail(
            [(-stride - 0.07, 0.0), (-stride + 0.16, 0.0), (-stride + 0.08, 0.09), (-stride - 0.06, 0.1)], (30, 28, 28)
        )
        figure.limb([(0.0, 0.86), (stride * 0.55, 0.48), (stride, 0.06)], 0.16, legs)
        figure.detail(
            [(stride - 0.07, 0.0), (stride + 0.19, 0.0), (stride + 0.08, 0.1), (stride - 0.06, 0.1)], (36, 32, 30)
        )
        figure.limb([(0.0, 1.36), (swing * 0.8, 1.08), (swing + 0.1, 0.86)], 0.1, coat, 0.74)
        low = 0.62 if long_coat else 0.84
        figure.fill(
            [(-0.14, low), (0.15, low), (0.16, 1.12), (0.13, 1.4), (0.02, 1.47), (-0.12, 1.42), (-0.17, 1.15)], coat
        )
        figure.detail([(-0.14, low), (-0.03, low), (-0.04, 1.43), (-0.12, 1.42), (-0.17, 1.15)], coat, 0.8)
        figure.limb([(-0.01, 1.36), (-swing * 0.8, 1.08), (-swing * 0.6, 0.84)], 0.105, coat, 0.92)
        if figure.distinct:
            figure.oval(-swing * 0.6, 0.81, 0.045, 0.05, skin)
        figure.oval(0.03, 1.61, 0.1, 0.125, skin)
        figure.fill(
            [(-0.09, 1.58), (-0.1, 1.68), (-0.02, 1.75), (0.08, 1.74), (0.1, 1.68), (0.0, 1.67), (-0.03, 1.55)], hair
        )
    else:
        facing = rng.random() < 0.5
        for sign in (-1, 1):
            figure.limb(
                [(sign * 0.09, 0.86), (sign * (0.08 + stride * 0.4), 0.06)], 0.155, legs, 0.86 if sign > 0 else 1.0
            )
            x = sign * (0.09 + stride * 0.4)
            figure.detail([(x - 0.07, 0.0), (x + 0.07, 0.0), (x + 0.06, 0.1), (x - 0.06, 0.1)], (34, 30, 30))
        low = 0.62 if long_coat else 0.82
        figure.fill(
            [
                (-0.19, low),
                (0.19, low),
                (0.19, 1.1),
                (0.23, 1.38),
                (0.1, 1.47),
                (-0.1, 1.47),
                (-0.23, 1.38),
                (-0.19, 1.1),
            ],
            coat,
        )
        shaded = -1 if figure.sun_right == (figure.turn > 0) else 1
        figure.detail(
            [
                (shaded * 0.06, low),
                (shaded * 0.19, low),
                (shaded * 0.19, 1.1),
                (shaded * 0.23, 1.38),
                (shaded * 0.08, 1.46),
            ],
            coat,
            0.8,
        )
        for sign in (-1, 1):
            figure.limb([(sign * 0.22, 1.36), (sign * 0.28, 1.08), (sign * 0.26, 0.86)], 0.1, coat, 0.88)
            if figure.distinct:
                figure.oval(sign * 0.26, 0.83, 0.045, 0.05, skin)
        figure.oval(0.0, 1.62, 0.095, 0.125, skin if facing else hair)
        if facing:
            figure.fill(
                [(-0.1, 1.64), (-0.08, 1.74), (0.0, 1.77), (0.08, 1.74), (0.1, 1.64), (0.05, 1.7), (-0.05, 1.7)], hair
            )
    extra = rng.random()
    bag = CLOTHES[int(rng.integers(len(CLOTHES)))]
    if extra < 0.2:
        figure.fill([(-0.3, 1.0), (-0.12, 1.0), (-0.12, 1.38), (-0.26, 1.38)], bag, 0.9)
    elif extra < 0.38:
        figure.fill([(0.2, 0.5), (0.42, 0.5), (0.4, 0.82), (0.22, 0.82)], bag)
