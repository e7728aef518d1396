"""From the painted canvas to the photo: ground texture, shadows, time of day, fog, rain and the camera's own look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageFilter

from cityseg.data.synthetic.camera import Camera, stream
from cityseg.data.synthetic.canvas import LABEL_ID, Canvas
from cityseg.data.synthetic.light import Light
from cityseg.data.synthetic.textures import TILE, noise

Weather = Literal["clear", "fog", "rain", "dusk", "night"]
WEATHERS: tuple[Weather, ...] = get_args(Weather)
GLOWING = ("fog", "rain", "dusk", "night")


_LEVELS = np.arange(1024) / 2
# Highlights roll off instead of clipping.
_TONE = np.rint(np.where(_LEVELS > 200, 200 + 55 * (1 - np.exp((200 - _LEVELS) / 55)), _LEVELS)).astype(np.uint8)


def draw_weather(seed: int) -> Weather:
    """The weather of this seed: mostly clear."""
    roll = stream(seed, 3).random()
    for weather, limit in (("fog", 0.07), ("rain", 0.15), ("dusk", 0.22), ("night", 0.27)):
        if roll < limit:
            return weather  # type: ignore[return-value]
    return "clear"


@dataclass(frozen=True, slots=True)
class Buffers:
    """What every effect needs, all at the photo's size (H, W).

    Attributes:
        owners: uint8 owner numbers.
        labels: uint8 label ids.
        nearness: float32 inverse depth, 1/metres (0: infinitely far).
        ground: bool, flat ground.
        ray_x, ray_y: (W,) and (H,) float32 slopes of the viewing rays, right and down.
    """

    owners: np.ndarray
    labels: np.ndarray
    nearness: np.ndarray
    ground: np.ndarray
    ray_x: np.ndarray
    ray_y: np.ndarray


def gather(canvas: Canvas) -> Buffers:
    """Read owners off the canvas and work out what is how far away."""
    camera = canvas.camera
    step = camera.oversampling
    owners = np.asarray(canvas.image.getchannel("A"))[::step, ::step]
    height, width = camera.size
    focal = camera.focal * height
    ray_x = ((np.arange(width) + 0.5 - width / 2) / focal).astype(np.float32)
    ray_y = ((np.arange(height) + 0.5 - camera.horizon * height) / focal).astype(np.float32)
    planes = np.array(canvas.planes, dtype=np.float32)
    nearness = planes[owners, 0] * ray_x + planes[owners, 1] * ray_y[:, None] + planes[owners, 2]
    labels = np.array(canvas.label_ids, dtype=np.uint8)[owners]
    ground = (planes[:, 1] > 0)[owners]
    return Buffers(owners, labels, np.clip(nearness, 0.0, 1.0), ground, ray_x, ray_y)


def develop(canvas: Canvas, light: Light, weather: Weather, seed: int) -> tuple[np.ndarray, Buffers]:
    """The finished (H, W, 3) uint8 photo, and the buffers it was made from."""
    camera = canvas.camera
    buffers = gather(canvas)
    picture = canvas.image.convert("RGB")
    if camera.oversampling > 1:
        picture = picture.reduce(camera.oversampling)
    photo = np.asarray(picture, dtype=np.float32)
    photo = _texture_ground(photo, buffers, canvas, weather)
    if weather == "rain":
        # A rain cloud takes the colours, and the blue sky first of all.
        gray = photo.mean(axis=2, keepdims=True)
        share = np.where(buffers.nearness == 0, np.float32(0.92), np.float32(0.3))[..., None]
        photo = photo * (1 - share) + (0.5 * gray + 78) * np.float32(0.9) * share
        photo = _wet(photo, buffers)
    if weather in ("dusk", "night"):
        photo = _darken(photo, buffers, canvas, weather)
    if weather == "fog":
        photo = _fog(photo, buffers, density=0.019, tone=(196.0, 200.0, 203.0))
    elif weather == "rain":
        photo = _fog(photo * np.float32(0.88), buffers, density=0.0065, tone=(148.0, 153.0, 158.0))
    elif weather == "night":
        photo = _fog(photo, buffers, density=0.002, tone=(40.0, 38.0, 42.0))
    else:
        haze = 0.0012 + 0.0022 * light.cover
        tone = (188.0, 198.0, 210.0) if weather == "clear" else (150.0, 120.0, 112.0)
        photo = _fog(photo, buffers, density=haze, tone=tone)
    if canvas.glowing:
        photo = _shine(photo, buffers, canvas, weather)
    if weather == "rain":
        photo = _streaks(photo, seed)
    return _expose(photo, seed, weather), buffers


def _texture_ground(photo: np.ndarray, buffers: Buffers, canvas: Canvas, weather: Weather) -> np.ndarray:
    """Grain of asphalt, slabs and grass in true perspective, and the shadows that fall on them."""
    camera = canvas.camera
    top = int(buffers.ground.any(axis=1).argmax())
    ground = buffers.ground[top:]
    if not ground.any():
        return photo
    depth = 1 / np.maximum(np.float32(1 / 300), buffers.ray_y[top:, None] / np.float32(camera.height))
    bent = np.float32(camera.lateral) - np.float32(camera.yaw) * depth - np.float32(camera.bend / 2) * depth * depth
    across = buffers.ray_x * depth + bent
    label = buffers.labels[top:]
    # Detail smaller than a pixel would only flicker, so it fades with distance.
    footprint = depth / np.float32(camera.focal * camera.size[0])
    fine = np.clip(np.float32(0.02) / footprint, 0, 1)
    u, v = (across * 32).astype(np.int32), (depth * 32).astype(np.int32)
    gain = 1 + (np.float32(0.042) * fine) * _look(noise(80, 128, 2), (across * 90).astype(np.int32), v)
    gain += np.float32(0.03) * _look(noise(81, 10, 5), u >> 1, v >> 3)
    # Wheels polish two tracks along every lane, so that streaks run along the street.
    gain += np.float32(0.022) * noise(82, 24, 2)[0][(u >> 1) & (TILE - 1)]
    grass = label == LABEL_ID["terrain"]
    if grass.any():
        gain += grass * (np.clip(fine * 1.5, 0.35, 1) * np.float32(0.13)) * _look(noise(83, 64, 3), u, v)
    joint = ((u & 15) < 1) | ((v & 31) < 2)
    paved = (label == LABEL_ID["sidewalk"]) & joint
    gain -= paved * (np.float32(0.16) * np.clip(np.float32(0.022) / footprint, 0, 1))
    soft = np.asarray(canvas.shadow.filter(ImageFilter.BoxBlur(1.0)), dtype=np.float32)[top:] * np.float32(1 / 255)
    # Without a sun only the dark beneath things is left.
    soft *= np.float32({"clear": 1.0, "fog": 0.5, "rain": 0.45, "dusk": 0.5, "night": 0.4}[weather])
    gain *= 1 - np.float32(0.72) * soft
    gain = np.where(ground, gain, 1)
    photo = photo.copy()
    photo[top:] *= gain[..., None]
    # Shadows are lit by the sky alone, hence bluish.
    photo[top:, :, 2] *= 1 + np.float32(0.07) * soft * ground
    return photo


def _look(tile: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return tile[v & (TILE - 1), u & (TILE - 1)]


def _wet(photo: np.ndarray, buffers: Buffers) -> np.ndarray:
    """Water on the ground mirrors what stands behind it."""
    height = photo.shape[0]
    rows = np.arange(height)[:, None]
    foot = np.maximum.accumulate(np.where(buffers.ground, 0, rows), axis=0)
    source = np.clip(2 * foot - rows, 0, height - 1)
    mirrored = np.take_along_axis(photo, np.broadcast_to(source[..., None], photo.shape), axis=0)
    blurred = Image.fromarray(np.clip(mirrored, 0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur((1, 5)))
    depth = 1 / np.maximum(buffers.nearness, 1 / 300)
    puddles = _look(noise(84, 5, 4), (buffers.ray_x * depth * 9).astype(np.int32), (depth * 2.2).astype(np.int32))
    # A flat view mirrors more strongly than a steep one.
    flat = np.clip(1 - buffers.ray_y[:, None] * 1.9, 0.25, 1)
    share = np.where(buffers.ground, np.clip(0.34 + 0.13 * puddles, 0.1, 0.62) * flat, 0)[..., None].astype(np.float32)
    wet = np.where(buffers.ground[..., None], photo * np.float32(0.74), photo)
    return wet * (1 - share) + np.asarray(blurred, dtype=np.float32) * share


def _darken(photo: np.ndarray, buffers: Buffers, canvas: Canvas, weather: Weather) -> np.ndarray:
    """Evening: less light, of another colour, and a sky of its own."""
    sky = buffers.labels == LABEL_ID["sky"]
    high = np.clip(-buffers.ray_y / max(float(-buffers.ray_y[0]), 1e-3), 0, 1)[:, None, None]
    gray = photo.mean(axis=2, keepdims=True)
    if weather == "dusk":
        toned = (0.75 * photo + 0.25 * gray) * np.array([0.64, 0.53, 0.56], dtype=np.float32)
        low, top = np.array([236.0, 158.0, 108.0]), np.array([92.0, 104.0, 148.0])
        above = low * (1 - high**0.7) + top * high**0.7 + 0.16 * (gray - 190)
    else:
        toned = (0.55 * photo + 0.45 * gray) * np.array([0.24, 0.25, 0.32], dtype=np.float32)
        low, top = np.array([74.0, 62.0, 60.0]), np.array([16.0, 20.0, 40.0])
        above = low * (1 - high) + top * high + 0.03 * (gray - 190)
    if canvas.pool is not None:
        blur = ImageFilter.BoxBlur(max(1.0, canvas.camera.size[0] / 64))
        pool = np.asarray(canvas.pool.filter(blur), dtype=np.float32) * buffers.ground
        share = (0.0011 if weather == "dusk" else 0.0026) * pool[..., None]
        toned = toned + photo * share * np.array([1.0, 0.82, 0.56], dtype=np.float32)
    return np.where(sky[..., None], above, toned).astype(np.float32)


def _fog(photo: np.ndarray, buffers: Buffers, *, density: float, tone: tuple[float, float, float]) -> np.ndarray:
    """Mix in the air's own light with distance; ``density`` is 1/metres."""
    depth = 1 / np.maximum(buffers.nearness, np.float32(1 / 400))
    if density < 0.01:
        # Thin haze leaves the sky its own colours.
        depth = np.where(buffers.nearness == 0, np.float32(0), depth)
    kept = np.exp(depth * np.float32(-density))[..., None]
    return photo * kept + np.array(tone, dtype=np.float32) * (1 - kept)


def _shine(photo: np.ndarray, buffers: Buffers, canvas: Canvas, weather: Weather) -> np.ndarray:
    """Add lit windows, lamps, headlights and the light they throw on the street."""
    camera = canvas.camera
    step = camera.oversampling
    height, width = camera.size
    added = np.zeros_like(photo)
    strength = {"fog": 0.3, "rain": 0.3, "dusk": 0.75, "night": 1.0}[weather]
    if weather in ("dusk", "night"):
        for glow in canvas.glows:
            # Glows lie on the canvas grid; the photo takes every ``step``-th of their pixels.
            y0, x0 = -(-glow.top // step), -(-glow.left // step)
            picture = np.asarray(glow.image, dtype=np.float32)[
                y0 * step - glow.top :: step, x0 * step - glow.left :: step
            ]
            picture = picture[: height - y0, : width - x0]
            if picture.size == 0:
                continue
            part = np.s_[y0 : y0 + picture.shape[0], x0 : x0 + picture.shape[1]]
            seen = picture * (buffers.owners[part] == glow.owner) * np.float32(strength / 255)
            added[part] += seen[..., None] * np.array([225.0, 176.0, 104.0], dtype=np.float32)
    if weather == "night":
        beam = _beam(buffers, camera)
        photo = photo + beam[..., None] * np.array([74.0, 72.0, 62.0], dtype=np.float32) * (0.4 + photo / 46)
    halo = {"fog": 2.3, "rain": 1.1, "dusk": 1.0, "night": 1.5}[weather]
    for lamp in canvas.lamps:
        column, row = lamp.column / step, lamp.row / step
        x, y = int(column), int(row)
        if not (0 <= x < width and 0 <= y < height):
            continue
        if not (buffers.owners[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] == lamp.owner).any():
            continue
        radius = max(lamp.radius / step, height / 512)
        reach = min(radius * (2.5 + 4.5 * lamp.reach) * halo, height * 0.22) + 1
        x0, x1 = max(0, int(column - reach)), min(width, int(column + reach) + 2)
        y0, y1 = max(0, int(row - reach)), min(height, int(row + reach) + 2)
        dx = (np.arange(x0, x1, dtype=np.float32) + 0.5 - np.float32(column)) ** 2
        dy = (np.arange(y0, y1, dtype=np.float32) + 0.5 - np.float32(row)) ** 2
        square = dy[:, None] + dx
        core = np.exp(square * np.float32(-0.7 / radius**2)) * np.float32(1.0)
        around = np.clip(1 - np.sqrt(square) / np.float32(reach), 0, 1) ** 3 * np.float32(0.42 * strength + 0.1)
        color = np.array(lamp.color, dtype=np.float32) * np.float32(0.5 + 0.5 * strength)
        added[y0:y1, x0:x1] += (core + around)[..., None] * color
    return photo + added


def _beam(buffers: Buffers, camera: Camera) -> np.ndarray:
    """(H, W) float32 strength of the own headlights, 0 to 1: a wide cone that fades with distance."""
    depth = 1 / np.maximum(buffers.nearness, np.float32(1 / 300))
    across = np.clip(1 - (np.abs(buffers.ray_x) / 0.5) ** 2, 0, 1)
    below = np.clip((buffers.ray_y[:, None] + 0.1) / 0.12, 0, 1)
    return (np.exp(-depth / 22) * across * below * (buffers.nearness > 0)).astype(np.float32)


def _streaks(photo: np.ndarray, seed: int) -> np.ndarray:
    """Falling drops, and a veil of spray."""
    rng = stream(seed, 4)
    height, width = photo.shape[:2]
    drops = rng.random((height, width), dtype=np.float32)
    lines = np.where(drops > 0.9965, (drops - 0.9965) / np.float32(0.0035), 0).astype(np.float32)
    length = max(3, height // 22)
    total = np.zeros_like(lines)
    for step in range(length):
        total += np.roll(lines, (step, -step // 7), axis=(0, 1))
    return photo + np.minimum(total, 1)[..., None] * np.float32(30)


def _expose(photo: np.ndarray, seed: int, weather: Weather) -> np.ndarray:
    """What the camera adds: vignette, its tone curve, a colour cast, sensor noise."""
    rng = stream(seed, 5)
    height, width = photo.shape[:2]
    down = (np.linspace(-1, 1, height, dtype=np.float32) ** 2)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32) ** 2
    gain = np.float32(rng.uniform(1.1, 1.3)) * (1 - np.float32(0.11) * (down * 0.6 + across))
    cast = np.array([rng.uniform(0.97, 1.03), 1.0, rng.uniform(0.96, 1.03)], dtype=np.float32)
    photo = photo * (gain[..., None] * cast)
    tile = noise(85, 256, 1)
    down, across = rng.integers(0, TILE, 2).tolist()
    grain = np.tile(np.roll(tile, (down, across), axis=(0, 1)), (-(-height // TILE), -(-width // TILE)))
    photo += (grain[:height, :width] * np.float32(3.4 if weather == "night" else 2.0))[..., None]
    return _TONE[np.clip(photo * 2, 0, len(_TONE) - 1).astype(np.uint16)]
