"""The shapes of cars and vans."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cityseg.data.synthetic.solids import FrozenSolid, Solid

CAR_SHAPES = ("hatchback", "saloon", "estate", "suv", "minivan")


@lru_cache(maxsize=16)
def car_shape(shape: str) -> FrozenSolid:
    half, length = (0.9, 4.2)
    hood, roof, rear = {
        "hatchback": (1.05, 1.46, 0.12),
        "saloon": (1.2, 1.43, 0.95),
        "estate": (1.15, 1.47, 0.08),
        "suv": (1.05, 1.68, 0.12),
        "minivan": (0.75, 1.76, 0.08),
    }[shape]
    length += {"saloon": 0.4, "estate": 0.45, "suv": 0.3, "minivan": 0.3}.get(shape, 0.0)
    waist = 0.94 + (0.12 if shape in ("suv", "minivan") else 0.0)
    back, front = -length / 2, length / 2
    solid = Solid()
    # Underbody and tyres seen from behind or in front.
    solid.box((-half + 0.1, 0.14, back + 0.25), (half - 0.1, 0.34, front - 0.3), "under")
    axles = (back + 0.78, front - 0.82)
    for z in axles:
        for x in (-half + 0.04, half - 0.26):
            solid.box((x, 0.0, z - 0.3), (x + 0.22, 0.5, z + 0.3), "tyre")
    body = np.array(
        [
            [back + 0.06, 0.2], [back, 0.4], [back + 0.02, 0.72], [back + 0.1, waist - 0.02], [back + 0.3, waist],
            [front - hood, waist + 0.02], [front - 0.3, waist - 0.14], [front - 0.06, waist - 0.26], [front, 0.5],
            [front - 0.08, 0.2],
        ]
    )  # fmt: skip
    solid.prism(body, half, "paint", top=half - 0.05)
    solid.side(
        np.array([[back + 0.3, 0.26], [front - 0.3, 0.26], [front - 0.3, 0.36], [back + 0.3, 0.36]]), half, "trim"
    )
    solid.side(
        np.array(
            [
                [back + 0.2, waist - 0.2],
                [front - 0.4, waist - 0.25],
                [front - 0.4, waist - 0.22],
                [back + 0.2, waist - 0.17],
            ]
        ),
        half - 0.01,
        "crease",
    )
    for z in axles:
        solid.disc(z, 0.36, 0.38, half, "arch")
        solid.disc(z, 0.32, 0.315, half + 0.005, "tyre")
        solid.disc(z, 0.32, 0.2, half + 0.01, "hub")
    for z in (back + length * 0.36, back + length * 0.6):
        solid.side(
            np.array([[z, 0.38], [z + 0.025, 0.38], [z + 0.025, waist - 0.03], [z, waist - 0.03]]), half - 0.005, "trim"
        )
    # The cabin leans inwards; its panes are set into painted pillars.
    top = half - 0.27
    low_back, low_front = back + rear + 0.16, front - hood + 0.1
    slant = {"saloon": 0.55, "estate": 0.35, "suv": 0.32, "minivan": 0.2}.get(shape, 0.42)
    high_back, high_front = low_back + slant, low_front - (0.72 if shape != "minivan" else 0.9)
    base = waist - 0.02
    cabin = np.array(
        [
            [low_back, base],
            [high_back, roof - 0.04],
            [high_back + 0.25, roof],
            [high_front - 0.3, roof],
            [high_front, roof - 0.05],
            [low_front, base],
        ]
    )
    # Mirrors come before the cabin, which hides the inner part of those on its far side.
    for sign in (-1, 1):
        x = sign * (half + 0.05)
        solid.box((x - 0.1, waist, low_front - 0.34), (x + 0.1, waist + 0.16, low_front - 0.22), "paint")
    solid.prism(cabin, half - 0.06, "paint", top=top)
    rise = roof - base

    def at(share: float) -> tuple[float, float, float]:
        """Half width, rear z and front z of the cabin at a share of its height."""
        return (
            (half - 0.06) + (top - half + 0.06) * share,
            low_back + slant * share,
            low_front + (high_front - low_front) * share,
        )

    (w0, b0, f0), (w1, b1, f1) = at(0.1), at(0.86)
    y0, y1 = base + 0.1 * rise, base + 0.86 * rise
    inside = np.array([0.0, base, 0.0])
    solid.add(
        np.array([[-w0 + 0.1, y0, b0], [w0 - 0.1, y0, b0], [w1 - 0.1, y1, b1], [-w1 + 0.1, y1, b1]]), "glass", inside
    )
    solid.add(
        np.array([[-w0 + 0.06, y0, f0], [w0 - 0.06, y0, f0], [w1 - 0.06, y1, f1], [-w1 + 0.06, y1, f1]]),
        "glass",
        inside,
    )
    shine = np.array([[-w0 + 0.3, y0, f0], [-w0 + 0.7, y0, f0], [-w1 + 0.95, y1, f1], [-w1 + 0.5, y1, f1]])
    solid.add(shine, "shine", inside)
    middle = (b0 + f0) / 2 - 0.05
    for sign in (-1, 1):
        for z0, z1, z2, z3 in (
            (b0 + 0.2, middle - 0.05, middle - 0.05, b1 + 0.2),
            (middle + 0.05, f0 - 0.14, f1 - 0.1, middle + 0.05),
        ):
            pane = [[sign * w0, y0, z0], [sign * w0, y0, z1], [sign * w1, y1, z2], [sign * w1, y1, z3]]
            solid.add(np.array(pane), "glass", inside)
    _ends(solid, half, waist, back, front)
    return solid.freeze()


def _ends(solid: Solid, half: float, waist: float, back: float, front: float) -> None:
    """Lights, plates, bumpers and the grille."""
    for sign in (-1, 1):
        inner, outer = sorted((sign * (half - 0.27), sign * (half - 0.04)))
        solid.end(inner, 0.66, outer, waist - 0.12, back, "tail", back + 0.07)
        solid.end(inner, 0.6, outer, 0.74, front - 0.005, "head", front - 0.03)
    solid.end(-half + 0.06, 0.28, half - 0.06, 0.42, back, "trim")
    solid.end(-0.26, 0.5, 0.26, 0.62, back - 0.005, "plate")
    solid.end(-half + 0.4, 0.58, half - 0.4, 0.72, front, "grille", front - 0.02)
    solid.end(-half + 0.1, 0.28, half - 0.1, 0.42, front - 0.02, "trim")
    solid.end(-0.26, 0.44, 0.26, 0.55, front, "plate")


@lru_cache(maxsize=4)
def van_shape() -> FrozenSolid:
    solid = Solid()
    half, back, front = 0.98, -2.7, 2.7
    solid.box((-0.85, 0.15, back + 0.3), (0.85, 0.4, front - 0.3), "under")
    body = np.array(
        [
            [back, 0.3],
            [back, 2.3],
            [back + 0.1, 2.42],
            [1.5, 2.42],
            [1.75, 2.3],
            [2.3, 1.25],
            [front - 0.1, 1.1],
            [front, 0.7],
            [front, 0.3],
        ]
    )
    solid.prism(body, half, "paint", top=half - 0.12)
    for z in (back + 0.9, front - 0.85):
        solid.disc(z, 0.4, 0.42, half, "arch")
        solid.disc(z, 0.36, 0.35, half + 0.01, "tyre")
        solid.disc(z, 0.36, 0.2, half + 0.02, "hub")
    w = half - 0.06
    solid.side(np.array([[0.95, 1.35], [2.0, 1.35], [1.62, 2.1], [0.95, 2.1]]), w, "glass")
    solid.add(
        np.array([[-0.8, 1.36, 2.26], [0.8, 1.36, 2.26], [0.72, 2.2, 1.81], [-0.72, 2.2, 1.81]]), "glass", np.zeros(3)
    )
    solid.end(-0.78, 1.45, -0.06, 2.15, back, "glass")
    solid.end(0.06, 1.45, 0.78, 2.15, back, "glass")
    solid.end(-0.02, 0.4, 0.02, 2.2, back, "trim")
    _ends(solid, half, 1.0, back, front)
    return solid.freeze()
