"""Trees, bushes and hedges."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import ImageOps

from cityseg.data.synthetic.canvas import Canvas, Color
from cityseg.data.synthetic.indexed import Texture, levels
from cityseg.data.synthetic.light import Light
from cityseg.data.synthetic.textures import CROWN_SIDE, crown, leaves

CROWNS = 10

_ANGLES = np.linspace(0, 2 * np.pi, 14, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.zeros(14), np.sin(_ANGLES)], axis=1)

_GREENS: tuple[tuple[Color, Color], ...] = (
    ((16, 24, 12), (138, 158, 82)),
    ((12, 24, 14), (110, 142, 82)),
    ((18, 28, 12), (152, 166, 80)),
    ((14, 22, 16), (112, 128, 90)),
    ((22, 24, 12), (162, 156, 86)),
    ((10, 20, 14), (92, 122, 80)),
)
"""Leaves in the dark and in full light."""


def _paste_crown(
    canvas: Canvas, light: Light, rng: np.random.Generator, shape: str, green: int, box: np.ndarray, owner: int
) -> None:
    """Paste a random crown into (2, 3) world corners, upper left and lower right."""
    (left, high), (right, low) = canvas.camera.project(box).tolist()
    level = min(4, max(0, int(np.log2(CROWN_SIDE / max(right - left, low - high, 1.0)))))
    tones = crown(int(rng.integers(CROWNS)), shape, light.sun[0] > 0, level)
    gain = float(rng.uniform(0.86, 1.1)) * (1.06 - 0.2 * light.cover)
    dark, bright = _GREENS[green]
    red, leaf, blue = (round(channel * gain) for channel in bright)
    canvas.sprite(tones, (dark, (red, leaf, blue)), (left, high, right, low), owner)


def tree(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    world: tuple[float, float],
    height: float,
    *,
    shape: str = "round",
    green: int = 0,
) -> None:
    """A tree with its foot at world (x, z) and ``height`` metres tall; trunk and crown are one vegetation object."""
    x, z = world
    owner = canvas.own("vegetation", depth=z)
    width = height * {"round": 0.72, "tall": 0.42, "wide": 0.95, "conifer": 0.5}[shape] * float(rng.uniform(0.85, 1.15))
    trunk = 0.08 if shape == "conifer" else float(rng.uniform(0.24, 0.34))
    crown_low = height * trunk
    # The crown's picture has a margin around its leaves.
    margin = 0.1 * (height - crown_low)
    thick = 0.011 * height + 0.05
    lean = float(rng.uniform(-0.25, 0.25))
    bark = int(rng.integers(52, 84))
    top = crown_low + 0.45 * (height - crown_low)
    shape_points = np.array(
        [
            [x - thick * 1.3, 0, z],
            [x + thick * 1.3, 0, z],
            [x + lean + thick * 0.6, top, z],
            [x + lean - thick * 0.6, top, z],
        ]
    )
    canvas.shape(shape_points, (bark, bark - 8, bark - 18), owner)
    if thick * canvas.camera.scale / z > 2:
        foot, fork = shape_points[[1, 2] if light.sun[0] < 0 else [0, 3]]
        dark_half = np.array([[x, 0, z], foot, fork, [x + lean, top, z]])
        canvas.shape(dark_half, (bark - 22, bark - 28, bark - 34), owner)
    box = np.array([[x + lean - width / 2, height + margin, z], [x + lean + width / 2, crown_low - margin, z]])
    _paste_crown(canvas, light, rng, shape, green, box, owner)
    dx, dz = light.shadow(0.62 * height)
    _blob(canvas, x + dx, z + dz, width * 0.46, light.shadow_strength)
    _blob(canvas, x, z, 0.5 + thick, 90)


def bush(
    canvas: Canvas, light: Light, rng: np.random.Generator, world: tuple[float, float], size: float, green: int
) -> None:
    """A bush ``size`` metres tall with its foot at world (x, z)."""
    x, z = world
    owner = canvas.own("vegetation", depth=z)
    width = size * float(rng.uniform(1.1, 1.8))
    box = np.array([[x - width / 2, size * 1.1, z], [x + width / 2, -0.28 * size, z]])
    _paste_crown(canvas, light, rng, "wide", green, box, owner)
    _blob(canvas, x, z, width * 0.5, 70)


def hedge(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    t: float,
    s0: float,
    s1: float,
    *,
    height: float,
    green: int,
) -> None:
    """A clipped hedge along the street line t from depth s0 to s1."""
    camera = canvas.camera
    texture = _hedge(int(rng.integers(4)), green)
    normal = (-1.0 if t > camera.lateral else 1.0, 0.0, 0.0)
    step = 7.0
    start = s1
    while start > s0 + 0.1:
        near = max(s0, start - step)
        corners = camera.street(np.array([[t, 0, near], [t, 0, start], [t, height, start], [t, height, near]]))
        canvas.wall(corners, texture, canvas.own_wall("vegetation", corners), light=light.gain(normal))
        start = near
    # The end that looks at the camera.
    end = camera.street(np.array([[t, 0, s0], [t - normal[0] * 0.9, 0, s0]]))
    corners = np.vstack([end, end[::-1]])
    corners[2:, 1] = height
    if abs(corners[0, 0]) < abs(corners[1, 0]):
        canvas.wall(corners, texture, canvas.own("vegetation", depth=s0), light=light.gain((0.0, 0.0, -1.0)))


@lru_cache(maxsize=32)
def _hedge(variant: int, green: int) -> tuple[Texture, ...]:
    dark, bright = _GREENS[green]
    return levels(ImageOps.colorize(leaves(variant), black=dark, white=bright))


def _blob(canvas: Canvas, x: float, z: float, radius: float, strength: int) -> None:
    """A round shadow on the ground."""
    if 1.0 < z - radius < 70.0:
        canvas.shade(_CIRCLE * radius + (x, 0.0, z), strength)
