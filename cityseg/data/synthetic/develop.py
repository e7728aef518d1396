"""From the painted canvas to the photo: time of day, weather, and the camera's own look.

A photo in the making is float32 (3, H, W), planes of red, green and blue, 0 to 255 and above.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from cityseg.data.synthetic.buffers import Buffers, gather
from cityseg.data.synthetic.camera import stream
from cityseg.data.synthetic.canvas import Canvas
from cityseg.data.synthetic.ground import texture_ground
from cityseg.data.synthetic.lamps import light_street, shine
from cityseg.data.synthetic.light import Light
from cityseg.data.synthetic.textures import TILE, noise
from cityseg.data.synthetic.weather import Daytime, Weather, lamps_are_lit

_LEVELS = np.arange(1024) / 2
# Highlights roll off instead of clipping.
_TONE = np.rint(np.where(_LEVELS > 200, 200 + 55 * (1 - np.exp((200 - _LEVELS) / 55)), _LEVELS)).astype(np.uint8)

_AIR: dict[Daytime, dict[Weather, tuple[float, float, float]]] = {
    "day": {"clear": (188, 198, 210), "fog": (196, 200, 203), "rain": (148, 153, 158)},
    "dusk": {"clear": (142, 122, 124), "fog": (122, 116, 122), "rain": (92, 90, 98)},
    "night": {"clear": (36, 35, 40), "fog": (50, 48, 50), "rain": (32, 32, 37)},
}
"""Colour of what the air itself sends towards the camera."""


def develop(canvas: Canvas, light: Light, weather: Weather, daytime: Daytime, seed: int) -> tuple[np.ndarray, Buffers]:
    """The finished (H, W, 3) uint8 photo, and the buffers it was made from."""
    buffers = gather(canvas)
    step = canvas.camera.oversampling
    # Without its alpha, by which Pillow would weigh the colours.
    picture = canvas.image.convert("RGB")
    if step > 1:
        picture = picture.reduce(step)
    photo = np.empty((3, *canvas.camera.size), dtype=np.float32)
    for plane, band in zip(photo, picture.split(), strict=True):
        plane[:] = np.asarray(band)
    sunshine = {"clear": 1.0, "fog": 0.5, "rain": 0.45}[weather] * {"day": 1.0, "dusk": 0.5, "night": 0.35}[daytime]
    texture_ground(photo, buffers, canvas, sunshine)
    if weather == "rain":
        _overcast(photo, buffers)
    if daytime != "day":
        _darken(photo, buffers, canvas, daytime, cloudy=weather != "clear")
        light_street(photo, buffers, canvas, daytime)
    _veil(photo, buffers, light, weather, daytime, seed)
    if lamps_are_lit(weather, daytime):
        shine(photo, buffers, canvas, weather, daytime)
    if weather == "rain":
        _wet(photo, buffers)
        _streaks(photo, seed, daytime)
    return _expose(photo, seed, daytime), buffers


def brightness(photo: np.ndarray) -> np.ndarray:
    """(H, W) grey levels of a (3, H, W) photo."""
    gray = photo[0] * np.float32(0.3)
    gray += photo[1] * np.float32(0.59)
    gray += photo[2] * np.float32(0.11)
    result: np.ndarray = gray
    return result


def _overcast(photo: np.ndarray, buffers: Buffers) -> None:
    """A rain cloud takes the colours, and the blue sky first of all."""
    share = np.where(buffers.sky, np.float32(0.92), np.float32(0.3))
    dull = (brightness(photo) * np.float32(0.45) + np.float32(62)) * share
    photo *= (1 - share) * np.float32(0.9)
    photo += dull


def _darken(photo: np.ndarray, buffers: Buffers, canvas: Canvas, daytime: Daytime, *, cloudy: bool) -> None:
    """Turn daylight into dusk or night; the sky glows low down."""
    sky = buffers.sky
    gray = brightness(photo)
    colored, tones = {"dusk": (0.72, (0.6, 0.53, 0.57)), "night": (0.5, (0.2, 0.215, 0.28))}[daytime]
    horizon = np.float32(max(1.0, canvas.camera.horizon * canvas.camera.size[0]))
    high = np.clip(1 - np.arange(photo.shape[1], dtype=np.float32) / horizon, 0, 1)
    low, top = {
        "dusk": ((232.0, 166.0, 122.0), (84.0, 98.0, 146.0)),
        "night": ((66.0, 58.0, 60.0), (15.0, 19.0, 38.0)),
    }[daytime]
    if cloudy:
        low, top = {
            "dusk": ((150.0, 136.0, 134.0), (92.0, 94.0, 108.0)),
            "night": ((56.0, 52.0, 54.0), (26.0, 27.0, 33.0)),
        }[daytime]
    clouds = (gray - 190) * np.float32(0.16 if daytime == "dusk" else 0.04)
    gray *= np.float32(1 - colored)
    for plane, tone, first, last in zip(photo, tones, low, top, strict=True):
        plane *= np.float32(colored)
        plane += gray
        plane *= np.float32(tone)
        above = np.float32(first) + np.float32(last - first) * np.sqrt(high)
        np.copyto(plane, above[:, None] + clouds, where=sky)


@lru_cache(maxsize=8)
def _kept(density: float) -> np.ndarray:
    """Share of light that reaches the camera, by inverse depth in steps of 1/16383 per metre."""
    nearness = np.maximum(np.arange(16384) / 16383, 1 / 400)
    return np.exp(-density / nearness).astype(np.float32)


def _veil(photo: np.ndarray, buffers: Buffers, light: Light, weather: Weather, daytime: Daytime, seed: int) -> None:
    """Mix in the air's own light with distance."""
    density = {"fog": 0.012 + 0.003 * (seed % 5), "rain": 0.0065}.get(weather, round(0.0012 + 0.0022 * light.cover, 4))
    kept = _kept(density).take((buffers.nearness * np.float32(16383)).astype(np.uint16))
    if weather == "clear":
        # Thin haze leaves the sky its own colours.
        kept[buffers.sky] = 1
    photo *= kept
    added = 1 - kept
    for plane, tone in zip(photo, _AIR[daytime][weather], strict=True):
        plane += added * np.float32(tone)


def _wet(photo: np.ndarray, buffers: Buffers) -> None:
    """Water on the ground mirrors what stands behind it."""
    height = photo.shape[1]
    rows = np.arange(height)[:, None]
    foot = np.maximum.accumulate(np.where(buffers.ground, 0, rows), axis=0)
    source = np.clip(2 * foot - rows, 0, height - 1)
    depth = buffers.depth
    puddle = noise(84, 5, 4)
    across = (buffers.ray_x * depth * 9).astype(np.int32) & (TILE - 1)
    along = (depth * np.float32(2.2)).astype(np.int32) & (TILE - 1)
    # A flat view mirrors more strongly than a steep one.
    flat = np.clip(1 - buffers.ray_y[:, None] * np.float32(1.9), 0.25, 1)
    share = np.clip(np.float32(0.36) + np.float32(0.15) * puddle[along, across], 0.1, 0.7) * flat
    share[~buffers.ground] = 0
    soft = ImageFilter.BoxBlur((max(1, height // 256), max(1, height // 44)))
    dark = np.where(buffers.ground, np.float32(0.74), np.float32(1)) * (1 - share)
    for plane in photo:
        mirrored = np.take_along_axis(plane, source, axis=0)
        blurred = Image.fromarray(np.clip(mirrored, 0, 255).astype(np.uint8)).filter(soft)
        plane *= dark
        plane += np.asarray(blurred) * share


def _streaks(photo: np.ndarray, seed: int, daytime: Daytime) -> None:
    """Falling drops, near ones long and bright, far ones short and faint."""
    rng = stream(seed, 4)
    _, height, width = photo.shape
    veil = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(veil)
    lean = float(rng.uniform(-0.25, 0.25))
    for count, length, tone in ((width * height // 420, 0.03, 20), (width * height // 2600, 0.07, 30)):
        places = rng.random((count, 3))
        for across, down, size in places.tolist():
            x, y, reach = across * width, down * height * 1.1, length * height * (0.6 + 0.8 * size)
            draw.line([x, y, x + lean * reach, y - reach], fill=round(tone * (0.5 + size)))
    photo += np.asarray(veil) * np.float32({"day": 1.0, "dusk": 0.7, "night": 0.4}[daytime])


@lru_cache(maxsize=4)
def _vignette(size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32, how much light the lens passes towards the corners, doubled for the table of tones."""
    down = (np.linspace(-1, 1, size[0]) ** 2)[:, None]
    across = np.linspace(-1, 1, size[1]) ** 2
    return (2 - 0.22 * (down * 0.6 + across)).astype(np.float32)


@lru_cache(maxsize=4)
def _grain(size: tuple[int, int], strength: float) -> np.ndarray:
    """Sensor noise, repeated over a picture one tile larger than ``size``, so that it can be shifted."""
    tile = noise(85, 256, 1) * np.float32(2 * strength)
    return np.tile(tile, (size[0] // TILE + 2, size[1] // TILE + 2))


def _expose(photo: np.ndarray, seed: int, daytime: Daytime) -> np.ndarray:
    """What the camera adds: vignette, a colour cast, sensor noise, its tone curve."""
    rng = stream(seed, 5)
    size = photo.shape[1], photo.shape[2]
    gain = float(rng.uniform(1.1, 1.3))
    casts = (float(rng.uniform(0.97, 1.03)), 1.0, float(rng.uniform(0.96, 1.03)))
    down, across = rng.integers(0, TILE, 2).tolist()
    grain = _grain(size, 3.4 if daytime == "night" else 2.0)[down : down + size[0], across : across + size[1]]
    finished = np.empty((*size, 3), dtype=np.uint8)
    for index, (plane, cast) in enumerate(zip(photo, casts, strict=True)):
        plane *= _vignette(size)
        plane *= np.float32(gain * cast)
        plane += grain
        np.minimum(np.maximum(plane, 0, out=plane), len(_TONE) - 1, out=plane)
        finished[..., index] = _TONE.take(plane.astype(np.uint16))
    return finished
