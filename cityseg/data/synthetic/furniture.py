"""Street furniture: lamps, traffic lights, signs, bollards, bins and benches."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cityseg.data.synthetic.canvas import Canvas, Color
from cityseg.data.synthetic.light import Light
from cityseg.data.synthetic.solids import FrozenSolid, Solid

_METAL: tuple[Color, ...] = ((96, 100, 100), (62, 70, 66), (134, 138, 140), (52, 54, 58))
_RED, _BLUE, _WHITE, _YELLOW = (178, 30, 34), (30, 76, 152), (228, 228, 224), (222, 184, 40)


def post(
    canvas: Canvas,
    light: Light,
    place: tuple[float, float],
    height: float,
    thick: float,
    color: Color,
    *,
    base: float = 0.0,
) -> int:
    """An upright pole with a lit and a shaded half; returns its owner number."""
    owner = canvas.own("pole", depth=place[1])
    foot = canvas.camera.project(np.array([[place[0], base, place[1]], [place[0], height, place[1]]]))
    width = max(thick * canvas.camera.scale / place[1], 1.0 * canvas.camera.oversampling)
    half = width / 2
    outline = np.array(
        [
            [foot[0, 0] - half, foot[0, 1]],
            [foot[0, 0] + half, foot[0, 1]],
            [foot[1, 0] + half, foot[1, 1]],
            [foot[1, 0] - half, foot[1, 1]],
        ]
    )
    # Pillow's polygons include their last pixel, which would make thin poles too thick.
    outline[1:3, 0] -= 1.0
    gain = light.gain((0.0, 0.1, -1.0))
    canvas.fill(outline, [min(255, round(c * g)) for c, g in zip(color, gain, strict=True)], owner)
    if width >= 4:
        shaded = outline.copy()
        if light.sun[0] > 0:
            shaded[1:3, 0] = foot[:, 0] - half * 0.1
        else:
            shaded[[0, 3], 0] = foot[:, 0] + half * 0.1
        canvas.fill(shaded, [round(c * g * 0.66) for c, g in zip(color, gain, strict=True)], owner)
    x, z = place
    dx, dz = light.shadow(height)
    if z + min(dz, 0.0) > 1.5:
        side = thick * 0.7
        canvas.shade(
            np.array([[x - side, 0, z], [x + side, 0, z], [x + side + dx, 0, z + dz], [x - side + dx, 0, z + dz]]),
            light.shadow_strength,
        )
    return owner


def lamp(
    canvas: Canvas, light: Light, rng: np.random.Generator, place: tuple[float, float], inward: float, height: float
) -> None:
    """A street lamp whose arm reaches over the road; ``inward`` is +1 when the road lies to the right."""
    color = _METAL[int(rng.integers(len(_METAL)))]
    owner = post(canvas, light, place, height, 0.17, color)
    x, z = place
    arm = float(rng.uniform(1.0, 1.9)) * inward
    points = np.array([[x, height - 0.05, z], [x + arm * 0.35, height + 0.32, z], [x + arm, height + 0.42, z]])
    thick = max(0.09 * canvas.camera.scale / z, canvas.camera.oversampling)
    gain = light.gain((0.0, 0.1, -1.0))
    ink = [min(255, round(c * g)) for c, g in zip(color, gain, strict=True)]
    canvas.line(canvas.camera.project(points), ink, thick, owner)
    tip = x + arm
    head = np.array(
        [
            [tip - 0.35 * inward, 0.46, z],
            [tip + 0.4 * inward, 0.42, z],
            [tip + 0.35 * inward, 0.3, z],
            [tip - 0.3 * inward, 0.32, z],
        ]
    )
    head[:, 1] += height
    canvas.shape(head, [round(c * 0.85) for c in ink], owner)
    canvas.lamp((tip, height + 0.3, z), (255, 206, 140), 0.24, 1.0, owner)
    canvas.light_ground(tip, z)


def traffic_light(
    canvas: Canvas, light: Light, place: tuple[float, float], inward: float, phase: int, *, arm: bool
) -> None:
    """A signal head on a post, with a second one over the road when ``arm``; ``phase`` 0 red, 1 amber, 2 green."""
    x, z = place
    height = 5.3 if arm else 3.3
    owner = post(canvas, light, place, height, 0.15, (84, 88, 86))
    if arm:
        points = np.array([[x, height - 0.1, z], [x + 3.2 * inward, height + 0.1, z]])
        thick = max(0.11 * canvas.camera.scale / z, canvas.camera.oversampling)
        canvas.line(canvas.camera.project(points), (78, 82, 80), thick, owner)
        _signal(canvas, light, x + 3.0 * inward, height - 0.75, z, phase)
    _signal(canvas, light, x + 0.05 * inward, 2.35, z - 0.1, phase)


def _signal(canvas: Canvas, light: Light, x: float, low: float, z: float, phase: int) -> None:
    owner = canvas.own("traffic light", depth=z)
    gain = light.gain((0.0, 0.1, -1.0))
    case = [round(c * g) for c, g in zip((38, 42, 42), gain, strict=True)]
    canvas.shape(
        np.array([[x - 0.2, low, z], [x + 0.2, low, z], [x + 0.2, low + 1.0, z], [x - 0.2, low + 1.0, z]]), case, owner
    )
    inner = [round(c * 0.6) for c in case]
    canvas.shape(
        np.array(
            [[x - 0.15, low + 0.05, z], [x + 0.15, low + 0.05, z], [x + 0.15, low + 0.95, z], [x - 0.15, low + 0.95, z]]
        ),
        inner,
        owner,
    )
    bright: tuple[Color, ...] = ((246, 52, 40), (252, 190, 50), (70, 232, 130))
    dull: tuple[Color, ...] = ((74, 28, 28), (78, 60, 26), (26, 66, 44))
    for index in range(3):
        on = index == phase
        y = low + 0.82 - 0.32 * index
        canvas.shape(_round(x, y, z, 0.125), bright[index] if on else dull[index], owner)
        if on:
            canvas.lamp((x, y, z), bright[index], 0.12, 0.5, owner)


def sign(canvas: Canvas, light: Light, rng: np.random.Generator, place: tuple[float, float]) -> None:
    """A traffic sign on its post: round, triangular, square, or a direction board."""
    x, z = place
    height = float(rng.uniform(2.3, 3.0))
    post(canvas, light, place, height + 0.3, 0.08, (140, 142, 142))
    owner = canvas.own("traffic sign", depth=z - 0.05)
    z -= 0.05
    gain = np.minimum(np.array(light.gain((0.0, 0.1, -1.0))) * 1.12, 1.1)

    def lit(color: Color) -> list[int]:
        result: list[int] = np.clip(np.rint(np.array(color) * gain), 0, 255).astype(int).tolist()
        return result

    kind = int(rng.integers(7))
    y, size = height, float(rng.uniform(0.34, 0.45))
    if kind <= 1:
        canvas.shape(_round(x, y, z, size), lit(_RED if kind == 0 else _BLUE), owner)
        canvas.shape(_round(x, y, z, size * (0.74 if kind == 0 else 0.9)), lit(_WHITE if kind == 0 else _BLUE), owner)
        _glyph(canvas, x, y, z, size * 0.5, lit((30, 30, 32) if kind == 0 else _WHITE), owner, rng)
    elif kind == 2:
        canvas.shape(_round(x, y, z, size, 3, 90), lit(_RED), owner)
        canvas.shape(_round(x, y - 0.01, z, size * 0.66, 3, 90), lit(_WHITE), owner)
        _glyph(canvas, x, y - 0.04, z, size * 0.26, lit((30, 30, 32)), owner, rng)
    elif kind == 3:
        canvas.shape(_round(x, y, z, size * 1.05, 4, 0), lit(_WHITE), owner)
        canvas.shape(_round(x, y, z, size * 0.8, 4, 0), lit(_YELLOW), owner)
    elif kind == 4:
        canvas.shape(_round(x, y, z, size * 1.3, 4, 45), lit(_BLUE), owner)
        _glyph(canvas, x, y, z, size * 0.6, lit(_WHITE), owner, rng)
    elif kind == 5:
        canvas.shape(_round(x, y, z, size, 8, 22.5), lit(_RED), owner)
        canvas.shape(_plate(x, y, z, size * 1.3, 0.16), lit(_WHITE), owner)
    else:
        canvas.shape(_plate(x, y, z, 1.7, 0.62), lit(_YELLOW if rng.random() < 0.5 else _BLUE), owner)
        for row in (-0.13, 0.13):
            canvas.shape(_plate(x + float(rng.uniform(-0.2, 0.1)), y + row, z, 1.0, 0.1), lit(_WHITE), owner)
    if kind < 5 and rng.random() < 0.35:
        canvas.shape(_plate(x, y - size - 0.18, z, size * 1.7, 0.28), lit(_WHITE), owner)
        canvas.shape(_plate(x, y - size - 0.18, z, size * 1.1, 0.07), lit((60, 60, 62)), owner)


def _glyph(
    canvas: Canvas, x: float, y: float, z: float, size: float, color: list[int], owner: int, rng: np.random.Generator
) -> None:
    """Something that reads as the picture on a sign from afar: a bar, an arrow, a number."""
    kind = int(rng.integers(3))
    if kind == 0:
        canvas.shape(_plate(x, y, z, size * 1.7, size * 0.5), color, owner)
    elif kind == 1:
        canvas.shape(_plate(x, y - size * 0.3, z, size * 0.4, size * 1.0), color, owner)
        canvas.shape(_round(x, y + size * 0.4, z, size * 0.62, 3, 90), color, owner)
    else:
        for across in (-0.5, 0.5):
            canvas.shape(_plate(x + across * size, y, z, size * 0.5, size * 1.3), color, owner)


def bollards(canvas: Canvas, light: Light, places: list[tuple[float, float]]) -> None:
    """A row of short posts along the kerb."""
    for place in places:
        post(canvas, light, place, 0.95, 0.13, (70, 72, 74))


@lru_cache(maxsize=8)
def _static(kind: str) -> FrozenSolid:
    solid = Solid()
    if kind == "bin":
        solid.prism(np.array([[-0.3, 0.1], [-0.36, 1.0], [0.34, 1.06], [0.3, 0.1]]), 0.3, "paint", top=0.34)
        solid.box((-0.36, 1.0, -0.4), (0.36, 1.1, 0.38), "dark")
    elif kind == "box":
        solid.box((-0.6, 0.0, -0.3), (0.6, 1.35, 0.3), "paint")
        solid.end(-0.02, 0.05, 0.02, 1.3, -0.305, "dark")
        solid.end(-0.6, 0.0, 0.6, 0.12, -0.305, "dark")
        solid.side(np.array([[-0.28, 0.0], [0.28, 0.0], [0.28, 0.12], [-0.28, 0.12]]), 0.605, "dark")
    else:
        for z in (-0.75, 0.65):
            solid.box((-0.25, 0.0, z), (0.25, 0.42, z + 0.1), "dark")
        solid.box((-0.28, 0.42, -0.9), (0.28, 0.5, 0.9), "paint")
        solid.box((0.2, 0.5, -0.9), (0.28, 0.92, 0.9), "paint")
    return solid.freeze()


def static(canvas: Canvas, light: Light, rng: np.random.Generator, place: tuple[float, float], heading: float) -> None:
    """A dustbin, a switch cabinet or a bench: void in Cityscapes."""
    kind = str(rng.choice(["bin", "box", "bench"], p=[0.45, 0.35, 0.2]))
    paints: dict[str, Color] = {"bin": (52, 66, 58), "box": (150, 152, 144), "bench": (128, 92, 60)}
    owner = canvas.own("static", depth=place[1])
    position = place[0], 0.0, place[1]
    solid = _static(kind)
    solid.shadow(canvas, light, position, heading, 1.0)
    solid.paint(canvas, light, owner, position, heading, {"paint": paints[kind], "dark": (44, 46, 48)})


def _round(x: float, y: float, z: float, radius: float, corners: int = 14, start: float = 0.0) -> np.ndarray:
    angles = np.deg2rad(start) + np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles), np.full(corners, z)], axis=1)


def _plate(x: float, y: float, z: float, width: float, height: float) -> np.ndarray:
    across, up = width / 2, height / 2
    return np.array(
        [[x - across, y - up, z], [x + across, y - up, z], [x + across, y + up, z], [x - across, y + up, z]]
    )
