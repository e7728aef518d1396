"""The shapes of trucks, buses and tram cars."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cityseg.data.synthetic.solids import FrozenSolid, Solid


@lru_cache(maxsize=4)
def truck_shape(kind: str) -> FrozenSolid:
    solid = Solid()
    half, back, front = 1.22, -4.0, 4.0
    solid.box((-1.1, 0.45, back), (1.1, 0.95, front - 0.3), "under")
    for z in (back + 1.1, back + 2.3, front - 1.2):
        for x in (-1.2, 0.85):
            solid.box((x, 0.0, z - 0.45), (x + 0.35, 0.95, z + 0.45), "tyre")
        solid.disc(z, 0.5, 0.5, half, "tyre")
        solid.disc(z, 0.5, 0.26, half + 0.01, "hub")
    cab = np.array([[front - 1.9, 0.55], [front - 1.9, 2.95], [front - 0.35, 2.9], [front - 0.02, 1.7], [front, 0.55]])
    solid.box((-1.25, 1.0, back), (1.25, 3.5 if kind == "box" else 2.1, front - 2.1), "load")
    if kind == "box":
        solid.side(
            np.array([[back + 0.7, 1.9], [front - 2.9, 1.9], [front - 2.9, 2.7], [back + 0.7, 2.7]]), 1.255, "stripe"
        )
        solid.end(-0.03, 1.05, 0.03, 3.45, back - 0.005, "trim")
        solid.end(-1.2, 1.02, 1.2, 1.2, back - 0.005, "trim")
    else:
        for z in np.arange(back + 0.4, front - 2.2, 0.75):
            solid.side(np.array([[z, 1.02], [z + 0.1, 1.02], [z + 0.1, 2.1], [z, 2.1]]), 1.255, "trim")
    solid.prism(cab, half - 0.02, "paint", top=half - 0.08)
    solid.side(
        np.array([[front - 1.6, 1.75], [front - 0.25, 1.75], [front - 0.45, 2.6], [front - 1.6, 2.6]]),
        half - 0.05,
        "glass",
    )
    inside = np.array([0.0, 1.5, front - 1.0])
    solid.add(
        np.array(
            [
                [-1.05, 1.72, front - 0.01],
                [1.05, 1.72, front - 0.01],
                [1.0, 2.7, front - 0.28],
                [-1.0, 2.7, front - 0.28],
            ]
        ),
        "glass",
        inside,
    )
    solid.end(-0.8, 0.95, 0.8, 1.45, front, "grille")
    for sign in (-1, 1):
        inner, outer = sorted((sign * 0.75, sign * 1.12))
        solid.end(inner, 0.68, outer, 0.88, front, "head")
        solid.end(inner, 0.7, outer, 0.92, back - 0.01, "tail")
    solid.end(-1.1, 0.5, 1.1, 0.68, back - 0.005, "trim")
    solid.end(-0.26, 0.72, 0.26, 0.84, back - 0.01, "plate")
    return solid.freeze()


@lru_cache(maxsize=8)
def coach_shape(kind: str) -> FrozenSolid:
    """A bus, or one car of a tram (first, middle, last)."""
    tram = kind != "bus"
    solid = Solid()
    half = 1.2 if tram else 1.25
    back, front = (-3.7, 3.7) if tram else (-5.7, 5.7)
    floor, waist, glass_top, roof = (0.28, 1.35, 2.75, 3.35) if tram else (0.32, 1.2, 2.45, 3.0)
    nose = 0.7 if kind == "first" else 0.12
    tail = 0.7 if kind == "last" else 0.05
    solid.box((-half + 0.15, 0.08, back + 0.3), (half - 0.15, floor + 0.1, front - 0.3), "under")
    body = np.array([
        [back, floor], [back, waist], [back + tail, glass_top], [back + tail + 0.1, roof - 0.12],
        [back + tail + 0.4, roof], [front - nose - 0.4, roof], [front - nose - 0.1, roof - 0.12],
        [front - nose, glass_top], [front, waist], [front, floor],
    ])  # fmt: skip
    solid.prism(body, half, "paint", top=half - 0.05)
    solid.side(
        np.array(
            [[back + 0.05, floor], [front - 0.05, floor], [front - 0.05, floor + 0.3], [back + 0.05, floor + 0.3]]
        ),
        half + 0.002,
        "skirt",
    )
    solid.side(
        np.array(
            [
                [back + tail + 0.2, waist + 0.05],
                [front - nose - 0.2, waist + 0.05],
                [front - nose - 0.25, glass_top],
                [back + tail + 0.25, glass_top],
            ]
        ),
        half - 0.01,
        "glass",
    )
    for z in np.arange(back + tail + 1.2, front - nose - 0.5, 1.35):
        solid.side(np.array([[z, waist], [z + 0.09, waist], [z + 0.09, glass_top], [z, glass_top]]), half, "trim")
    doors = (back + 2.0, front - 2.6) if tram else (-0.6, front - 1.75)
    for z in doors:
        solid.side(
            np.array([[z, floor + 0.08], [z + 1.15, floor + 0.08], [z + 1.15, glass_top], [z, glass_top]]),
            half + 0.004,
            "trim",
        )
        for pane in (z + 0.06, z + 0.62):
            solid.side(
                np.array(
                    [
                        [pane, floor + 0.2],
                        [pane + 0.46, floor + 0.2],
                        [pane + 0.46, glass_top - 0.08],
                        [pane, glass_top - 0.08],
                    ]
                ),
                half + 0.008,
                "glass",
            )
    if not tram:
        for z in (back + 2.4, front - 2.5):
            solid.disc(z, 0.5, 0.56, half + 0.002, "arch")
            solid.disc(z, 0.48, 0.48, half + 0.004, "tyre")
            solid.disc(z, 0.48, 0.27, half + 0.006, "hub")
    inside = np.array([0.0, 1.5, 0.0])
    for end, lean, sign in ((front, nose, 1.0), (back, tail, -1.0)):
        closed = tram and not ((kind == "first" and sign > 0) or (kind == "last" and sign < 0))
        if closed:
            solid.end(-half + 0.1, floor, half - 0.1, roof - 0.2, end + sign * 0.01, "under")
            continue
        low, high = waist + (0.1 if sign > 0 else 0.35), glass_top - 0.02
        upper = end - sign * lean
        panes = [
            [-1.08, low, end + sign * 0.01],
            [1.08, low, end + sign * 0.01],
            [1.02, high, upper + sign * 0.01],
            [-1.02, high, upper + sign * 0.01],
        ]
        solid.add(np.array(panes), "glass", inside)
        solid.end(-0.75, glass_top + 0.06, 0.75, glass_top + 0.36, upper + sign * 0.0, "sign", upper - sign * 0.08)
        solid.end(-0.62, glass_top + 0.1, 0.62, glass_top + 0.3, upper + sign * 0.01, "screen", upper - sign * 0.06)
        for across in (-1, 1):
            inner, outer = sorted((across * 0.78, across * 1.1))
            solid.end(inner, 0.72, outer, 0.95, end + sign * 0.01, "head" if sign > 0 else "tail")
        solid.end(-half + 0.1, floor, half - 0.1, floor + 0.25, end + sign * 0.006, "trim")
        solid.end(-0.26, 0.62, 0.26, 0.74, end + sign * 0.012, "plate")
    return solid.freeze()
