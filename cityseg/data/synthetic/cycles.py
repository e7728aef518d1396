"""Bicycles and motorcycles, parked or with their riders."""

from __future__ import annotations

import numpy as np

from cityseg.data.synthetic.canvas import Canvas
from cityseg.data.synthetic.figures import CLOTHES, HAIR, SKIN, TROUSERS, Figure
from cityseg.data.synthetic.light import Light


def bicycle(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    place: tuple[float, float],
    *,
    turn: float,
    ridden: bool = False,
) -> None:
    """A bicycle; ``turn`` is its foreshortening: 1 seen from the side, near 0 from behind, negative to the left.

    When ``ridden``, its rider is painted too, as an object of its own.
    """
    if not canvas.sees(place, 1.2):
        return
    owner = canvas.own("bicycle", depth=place[1])
    figure = Figure(canvas, light, owner, place, turn=turn)
    frame = CLOTHES[int(rng.integers(len(CLOTHES)))]
    figure.shadow(light, place, 0.75 * abs(turn) + 0.1, 1.0)
    if abs(turn) < 0.3:
        # From behind both wheels fall into one narrow upright shape.
        figure.turn = 1.0 if turn >= 0 else -1.0
        figure.fill([(-0.035, 0.0), (0.035, 0.0), (0.035, 0.68), (-0.035, 0.68)], (26, 26, 28))
        figure.fill([(-0.09, 0.86), (0.09, 0.86), (0.07, 0.94), (-0.07, 0.94)], (24, 24, 26))
        figure.limb([(0.0, 0.6), (0.0, 0.9)], 0.05, frame)
        figure.limb([(-0.29, 1.02), (0.0, 0.96), (0.29, 1.02)], 0.04, (60, 60, 62))
        figure.fill([(-0.04, 0.7), (0.04, 0.7), (0.04, 0.77), (-0.04, 0.77)], (190, 30, 26))
        canvas.lamp((place[0], 0.74, place[1]), (255, 40, 24), 0.05, 0.2, owner)
    else:
        for x in (-0.53, 0.53):
            figure.wheel(x, 0.34, 0.34, (26, 26, 28))
        tubes = [
            [(-0.53, 0.34), (-0.08, 0.3), (0.38, 0.82), (-0.18, 0.8), (-0.53, 0.34)],
            [(-0.08, 0.3), (-0.2, 0.9)],
            [(0.53, 0.34), (0.36, 0.96)],
        ]
        for tube in tubes:
            figure.limb(tube, 0.045, frame)
        figure.fill([(-0.32, 0.9), (-0.08, 0.9), (-0.1, 0.96), (-0.3, 0.97)], (26, 26, 28))
        figure.limb([(0.36, 0.96), (0.42, 1.02), (0.28, 1.04)], 0.045, (50, 50, 52))
        figure.oval(-0.08, 0.3, 0.09, 0.09, (60, 60, 62))
    if ridden:
        _rider(canvas, light, rng, place, turn, seat=0.95, reach=0.32, helmet=rng.random() < 0.5)


def motorcycle(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    place: tuple[float, float],
    *,
    turn: float,
    ridden: bool = False,
) -> None:
    """A motorcycle or scooter, see ``bicycle`` for ``turn`` and ``ridden``."""
    if not canvas.sees(place, 1.2):
        return
    owner = canvas.own("motorcycle", depth=place[1])
    figure = Figure(canvas, light, owner, place, turn=turn)
    figure.shadow(light, place, 0.85 * abs(turn) + 0.2, 1.1)
    paint = [(150, 30, 30), (30, 34, 40), (40, 66, 118), (196, 196, 192), (48, 92, 70), (208, 150, 40)][
        int(rng.integers(6))
    ]
    if abs(turn) < 0.35:
        figure.turn = 1.0 if turn >= 0 else -1.0
        figure.fill([(-0.1, 0.0), (0.1, 0.0), (0.11, 0.6), (-0.11, 0.6)], (24, 24, 25))
        figure.fill([(-0.22, 0.4), (0.22, 0.4), (0.25, 0.72), (0.16, 0.9), (-0.16, 0.9), (-0.25, 0.72)], paint)
        figure.fill([(-0.13, 0.68), (0.13, 0.68), (0.11, 0.76), (-0.11, 0.76)], (178, 28, 26))
        figure.fill([(-0.1, 0.5), (0.1, 0.5), (0.1, 0.6), (-0.1, 0.6)], (222, 222, 212))
        figure.limb([(-0.4, 1.0), (-0.1, 0.98), (0.1, 0.98), (0.4, 1.0)], 0.06, (40, 40, 42))
        for x in (-0.4, 0.4):
            figure.oval(x, 1.14, 0.07, 0.05, (60, 62, 66))
        canvas.lamp((place[0], 0.72, place[1]), (255, 40, 24), 0.09, 0.3, owner)
    else:
        for x in (-0.68, 0.68):
            figure.oval(x, 0.31, 0.31, 0.31, (25, 25, 26))
            figure.oval(x, 0.31, 0.16, 0.16, (128, 130, 132))
        figure.fill([(-0.4, 0.22), (0.36, 0.2), (0.42, 0.62), (-0.36, 0.6)], (52, 52, 55))
        figure.oval(0.0, 0.36, 0.2, 0.17, (98, 100, 102))
        figure.limb([(-0.2, 0.22), (-0.9, 0.3)], 0.09, (150, 150, 152))
        figure.fill([(-0.1, 0.58), (0.42, 0.6), (0.46, 0.84), (0.3, 0.98), (0.0, 0.9)], paint)
        figure.fill([(-0.1, 0.58), (0.42, 0.6), (0.44, 0.68), (-0.08, 0.66)], paint, 0.7)
        figure.fill([(-0.86, 0.72), (-0.6, 0.6), (-0.04, 0.62), (0.02, 0.82), (-0.5, 0.86), (-0.84, 0.9)], (34, 32, 32))
        figure.fill([(-0.95, 0.62), (-0.62, 0.6), (-0.7, 0.76), (-0.94, 0.78)], paint, 0.85)
        figure.limb([(0.68, 0.31), (0.46, 0.92), (0.38, 1.08), (0.22, 1.06)], 0.07, (70, 70, 73))
        figure.oval(0.52, 0.86, 0.08, 0.09, (222, 222, 210))
        figure.fill([(0.44, 0.94), (0.58, 0.9), (0.46, 1.18), (0.4, 1.16)], (96, 106, 114))
    if ridden:
        _rider(canvas, light, rng, place, turn, seat=0.84, reach=0.34, helmet=True)


def _rider(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    place: tuple[float, float],
    turn: float,
    *,
    seat: float,
    reach: float,
    helmet: bool,
) -> None:
    owner = canvas.own("rider", depth=place[1])
    coat = CLOTHES[int(rng.integers(len(CLOTHES)))]
    legs = TROUSERS[int(rng.integers(len(TROUSERS)))]
    skin = SKIN[int(rng.integers(len(SKIN)))]
    cap = (
        [(210, 210, 206), (34, 36, 40), (170, 40, 40), (60, 90, 140)][int(rng.integers(4))]
        if helmet
        else HAIR[int(rng.integers(len(HAIR)))]
    )
    figure = Figure(canvas, light, owner, place, turn=turn)
    if abs(turn) < 0.35:
        figure.turn = 1.0
        for sign in (-1, 1):
            knee = 0.55 if sign > 0 else 0.68
            figure.limb([(sign * 0.1, seat), (sign * 0.19, knee), (sign * 0.14, 0.22)], 0.14, legs, 0.86)
            figure.fill(
                [
                    (sign * 0.14 - 0.06, 0.14),
                    (sign * 0.14 + 0.06, 0.14),
                    (sign * 0.14 + 0.05, 0.25),
                    (sign * 0.14 - 0.05, 0.25),
                ],
                (30, 28, 28),
            )
            figure.limb(
                [(sign * 0.2, seat + 0.48), (sign * 0.32, seat + 0.24), (sign * 0.29, seat + 0.08)], 0.1, coat, 0.85
            )
        figure.fill(
            [
                (-0.18, seat - 0.04),
                (0.18, seat - 0.04),
                (0.23, seat + 0.46),
                (0.1, seat + 0.58),
                (-0.1, seat + 0.58),
                (-0.23, seat + 0.46),
            ],
            coat,
        )
        figure.fill([(0.04, seat - 0.04), (0.18, seat - 0.04), (0.23, seat + 0.46), (0.1, seat + 0.58)], coat, 0.82)
        figure.oval(0.0, seat + 0.7, 0.105, 0.13, cap)
        return
    figure.limb([(-0.2, seat), (0.16, seat - 0.22), (0.0, 0.24)], 0.14, legs, 0.76)
    figure.limb([(-0.2, seat), (0.22, seat - 0.12), (-0.02, 0.34)], 0.15, legs)
    figure.fill([(-0.1, 0.2), (0.14, 0.22), (0.12, 0.31), (-0.06, 0.34)], (32, 30, 30))
    figure.fill(
        [(-0.34, seat - 0.02), (-0.08, seat - 0.04), (0.1, seat + 0.42), (0.08, seat + 0.54), (-0.1, seat + 0.52)], coat
    )
    figure.fill([(-0.34, seat - 0.02), (-0.22, seat - 0.03), (-0.02, seat + 0.52), (-0.1, seat + 0.52)], coat, 0.8)
    figure.limb([(0.03, seat + 0.46), (0.16, seat + 0.2), (reach, seat + 0.12)], 0.1, coat, 0.9)
    figure.oval(0.12, seat + 0.68, 0.1, 0.12, skin)
    figure.fill(
        [
            (0.0, seat + 0.64),
            (0.02, seat + 0.8),
            (0.12, seat + 0.83),
            (0.23, seat + 0.76),
            (0.22, seat + 0.7),
            (0.1, seat + 0.7),
        ],
        cap,
    )
