"""Lights that burn: windows, street lamps, headlights, signals, and what they light up."""

from __future__ import annotations

import numpy as np
from PIL import ImageFilter

from cityseg.data.synthetic.buffers import Buffers
from cityseg.data.synthetic.canvas import LABEL_ID, Canvas, Glow, Lamp
from cityseg.data.synthetic.weather import Daytime, Weather

_WINDOW = (225.0, 176.0, 104.0)
_STREET_LAMP = (1.0, 0.82, 0.56)
_HEADLIGHT = (84.0, 76.0, 58.0)


def light_street(photo: np.ndarray, buffers: Buffers, canvas: Canvas, daytime: Daytime) -> None:
    """Add what street lamps and the own headlights throw on a darkened (3, H, W) photo."""
    size = canvas.camera.size
    amount = np.zeros(size, dtype=np.float32)
    if canvas.pool is not None:
        soft = canvas.pool.filter(ImageFilter.BoxBlur(max(1.0, size[0] / 64)))
        amount += np.asarray(soft) * np.float32(0.0028 if daytime == "dusk" else 0.0135)
        # The light falls on whatever stands below the lamp, but its upright sides catch less.
        amount *= np.where(buffers.ground, np.float32(1), np.float32(0.3))
    beam = None
    if daytime == "night":
        beam = _beam(buffers, canvas.camera.height)
        # Signs throw headlights straight back.
        beam[buffers.labels == LABEL_ID["traffic sign"]] *= np.float32(2.4)
    for plane, warm, tone in zip(photo, _STREET_LAMP, _HEADLIGHT, strict=True):
        gain = amount * np.float32(warm)
        gain += 1
        if beam is not None:
            gain += beam * np.float32(tone / 30)
        plane *= gain
        if beam is not None:
            plane += beam * np.float32(0.13 * tone)


def _beam(buffers: Buffers, lens: float) -> np.ndarray:
    """(H, W) float32 strength of the own headlights, 0 to 1: a wide cone, dipped, that fades with distance."""
    depth = buffers.depth
    across = np.clip(1 - (buffers.ray_x / np.float32(0.5)) ** 2, 0, 1)
    # Light above the lamps' own height is cut off softly.
    height = np.float32(lens) - buffers.ray_y[:, None] * depth
    below = np.clip((np.float32(2.6) - height) / np.float32(1.6), 0.12, 1)
    fade = np.clip(1 - depth / np.float32(60), 0, 1)
    strength: np.ndarray = across * below * fade * fade * fade
    strength[buffers.sky] = 0
    return strength


def shine(photo: np.ndarray, buffers: Buffers, canvas: Canvas, weather: Weather, daytime: Daytime) -> None:
    """Add the lights themselves, and the halo that air and lens put around them, to a (3, H, W) photo."""
    strength = {"day": 0.3, "dusk": 0.75, "night": 1.0}[daytime]
    if daytime != "day":
        for glow in canvas.glows:
            _add_glow(photo, buffers, glow, canvas.camera.oversampling, strength)
    halo = {"day": 0.9, "dusk": 1.0, "night": 1.45}[daytime] * {"clear": 1.0, "fog": 1.9, "rain": 1.2}[weather]
    for lamp in canvas.lamps:
        _add_lamp(photo, buffers, lamp, canvas.camera.oversampling, strength, halo)


def _add_glow(photo: np.ndarray, buffers: Buffers, glow: Glow, step: int, strength: float) -> None:
    """Light the windows of one facade where nothing stands before them."""
    height, width = buffers.owners.shape
    # Glows lie on the canvas grid; the photo takes every ``step``-th of their pixels.
    y0, x0 = -(-glow.top // step), -(-glow.left // step)
    picture = glow.image[y0 * step - glow.top :: step, x0 * step - glow.left :: step][: height - y0, : width - x0]
    if picture.size == 0:
        return
    part = np.s_[y0 : y0 + picture.shape[0], x0 : x0 + picture.shape[1]]
    seen = picture * (buffers.owners[part] == glow.owner)
    for plane, tone in zip(photo, _WINDOW, strict=True):
        plane[part] += seen * np.float32(tone * strength / 255)


def _add_lamp(photo: np.ndarray, buffers: Buffers, lamp: Lamp, step: int, strength: float, halo: float) -> None:
    """A bright core and the halo around it, unless something stands before the lamp."""
    height, width = buffers.owners.shape
    column, row = lamp.column / step, lamp.row / step
    x, y = int(column), int(row)
    if not (0 <= x < width and 0 <= y < height):
        return
    if not (buffers.owners[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] == lamp.owner).any():
        return
    radius = max(lamp.radius / step, height / 512)
    reach = min(radius * (2.5 + 4.5 * lamp.reach) * halo, height * 0.22) + 1
    x0, x1 = max(0, int(column - reach)), min(width, int(column + reach) + 2)
    y0, y1 = max(0, int(row - reach)), min(height, int(row + reach) + 2)
    dx = (np.arange(x0, x1, dtype=np.float32) + 0.5 - np.float32(column)) ** 2
    dy = (np.arange(y0, y1, dtype=np.float32) + 0.5 - np.float32(row)) ** 2
    square = dy[:, None] + dx
    core = np.clip(np.float32(1.5) - square * np.float32(0.8 / radius**2), 0, 1)
    around = np.maximum(1 - np.sqrt(square) * np.float32(1 / reach), 0)
    core += around * around * around * np.float32(0.42 * strength + 0.1)
    for plane, tone in zip(photo, lamp.color, strict=True):
        plane[y0:y1, x0:x1] += core * np.float32(tone * (0.5 + 0.5 * strength))
