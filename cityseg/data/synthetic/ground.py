"""The grain of asphalt, slabs and grass in true perspective, and the shadows on them."""

from __future__ import annotations

import numpy as np
from PIL import ImageFilter

from cityseg.data.synthetic.buffers import Buffers
from cityseg.data.synthetic.canvas import LABEL_ID, Canvas
from cityseg.data.synthetic.textures import TILE, noise


def texture_ground(photo: np.ndarray, buffers: Buffers, canvas: Canvas, sunshine: float) -> None:
    """Give the ground of a (3, H, W) photo its surface; ``sunshine``, 0 to 1, is the strength of cast shadows."""
    camera = canvas.camera
    height, width = camera.size
    # The first ground pixel lies just below the horizon; everything above is left alone.
    top = min(max(0, int(camera.horizon * height)), height - 1)
    ground, label = buffers.ground[top:], buffers.labels[top:]
    depth = 1 / np.maximum(np.float32(1 / 300), buffers.ray_y[top:, None] / np.float32(camera.height))
    bent = np.float32(camera.lateral) - np.float32(camera.yaw) * depth - np.float32(camera.bend / 2) * depth * depth
    across = buffers.ray_x * depth
    across += bent
    # Detail smaller than a pixel would only flicker, so it fades with distance.
    footprint = depth / np.float32(camera.focal * height)
    fine = np.clip(np.float32(0.02) / footprint, 0, 1)
    u, v = (across * 32).astype(np.int32), (depth * 32).astype(np.int32)
    gain = _look(noise(80, 128, 2), (across * 90).astype(np.int32), v)
    gain *= np.float32(0.042) * fine
    gain += 1
    gain += np.float32(0.03) * _look(noise(81, 10, 5), u >> 1, v >> 3)
    # Wheels polish two tracks along every lane, so that streaks run along the street.
    gain += (np.float32(0.022) * noise(82, 24, 2)[0]).take((u >> 1) & (TILE - 1))
    grass = label == LABEL_ID["terrain"]
    if grass.any():
        gain += grass * (np.clip(fine * 1.5, 0.35, 1) * np.float32(0.13)) * _look(noise(83, 64, 3), u, v)
    paved = label == LABEL_ID["sidewalk"]
    if paved.any():
        paved &= ((u & 15) < 1) | ((v & 31) < 2)
        gain -= paved * (np.float32(0.16) * np.clip(np.float32(0.022) / footprint, 0, 1))
    shadow = canvas.shadow.crop((0, top, width, height)).filter(ImageFilter.BoxBlur(1.0))
    soft = np.asarray(shadow) * np.float32(sunshine / 255)
    soft *= ground
    gain *= 1 - np.float32(0.72) * soft
    gain[~ground] = 1
    photo[:, top:] *= gain
    # Shadows are lit by the sky alone, hence bluish.
    soft *= np.float32(0.07)
    soft += 1
    photo[2, top:] *= soft


def _look(tile: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The repeating tile at columns u (H, W) and rows v (H, 1)."""
    places = u & (TILE - 1)
    places += (v & (TILE - 1)) * TILE
    found: np.ndarray = tile.take(places)
    return found
