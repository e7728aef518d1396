"""One frame of the synthetic street set: photo, label ids and instance ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cityseg.data.synthetic.camera import Camera, draw_camera, stream
from cityseg.data.synthetic.canvas import Canvas
from cityseg.data.synthetic.develop import develop
from cityseg.data.synthetic.frontage import FrontagePainter
from cityseg.data.synthetic.light import Light, draw_light
from cityseg.data.synthetic.street import GroundPainter, render_scene
from cityseg.data.synthetic.textures import clouds
from cityseg.data.synthetic.traffic import TrafficPlanner
from cityseg.data.synthetic.weather import (
    DAYTIMES,
    WEATHERS,
    Daytime,
    Weather,
    draw_daytime,
    draw_weather,
    lamps_are_lit,
)
from cityseg.errors import UsageError

MIN_HEIGHT = 32


@dataclass(frozen=True, slots=True)
class Scene:
    """A synthetic street scene.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        label_ids: (H, W) uint8 official label ids.
        instance_ids: (H, W) uint16, ``label_id * 1000 + k`` for the k-th object of a label that has instances,
            else the label id.
        weather, daytime: what it was drawn in.
    """

    photo: np.ndarray
    label_ids: np.ndarray
    instance_ids: np.ndarray
    weather: Weather
    daytime: Daytime


def render(
    seed: int,
    *,
    size: tuple[int, int] = (256, 512),
    weather: Weather | None = None,
    daytime: Daytime | None = None,
) -> Scene:
    """Draw the street scene of a seed.

    The scene (camera, street, objects, labels) depends on the seed and the size alone; weather and time of day change
    only the photo.

    Args:
        seed: 0 or more; every seed is another scene.
        size: (height, width) of the frame, pixels; at least 32 each.
        weather: None draws it from the seed, mostly clear.
        daytime: None draws it from the seed, mostly day.

    Raises:
        UsageError: a negative seed, a size that is too small, or an unknown weather or time of day.
    """
    check_request(seed, size, weather, daytime)
    weather = weather or draw_weather(seed)
    daytime = daytime or draw_daytime(seed)
    street = render_scene(seed)
    light = draw_light(seed)
    camera = draw_camera(seed, size, street.lanes_half)
    canvas = Canvas(camera, glowing=lamps_are_lit(weather, daytime))
    _paint_sky(canvas, light, seed)
    GroundPainter(canvas, street).paint()
    items = FrontagePainter(canvas, street, light, seed).items() + TrafficPlanner(canvas, street, light, seed).items()
    for item in sorted(items, key=lambda item: -item.depth):
        item.paint()
    _paint_bonnet(canvas, seed)
    photo, buffers = develop(canvas, light, weather, daytime, seed)
    instances = np.array(canvas.instance_ids, dtype=np.uint16)[buffers.owners]
    return Scene(photo, buffers.labels, instances, weather, daytime)


def check_request(seed: int, size: tuple[int, int], weather: str | None, daytime: str | None) -> None:
    """Refuse what cannot be drawn, see ``render``."""
    if seed < 0:
        raise UsageError(f"expected a seed of 0 or more, found {seed}; choose another one")
    if min(size) < MIN_HEIGHT:
        raise UsageError(
            f"expected a size of at least {MIN_HEIGHT}x{MIN_HEIGHT} pixels, found {size[0]}x{size[1]}; "
            "ask for larger frames"
        )
    if weather is not None and weather not in WEATHERS:
        raise UsageError(f"expected a weather out of {', '.join(WEATHERS)}, found {weather!r}; choose one of them")
    if daytime is not None and daytime not in DAYTIMES:
        raise UsageError(f"expected a time of day out of {', '.join(DAYTIMES)}, found {daytime!r}; choose one of them")


def _paint_sky(canvas: Canvas, light: Light, seed: int) -> None:
    """A gradient with clouds, over the whole canvas."""
    rng = stream(seed, 6)
    owner = canvas.own("sky")
    wide = canvas.camera.canvas_size[0]
    cover = np.roll(clouds(int(rng.integers(8))), int(rng.integers(512)), axis=1)[::2, ::2, None]
    height = np.linspace(1, 0, 80, dtype=np.float32)[:, None, None]
    zenith = np.array([104.0, 150.0, 206.0], dtype=np.float32)
    blue = zenith * height + np.array([206.0, 218.0, 228.0], dtype=np.float32) * (1 - height)
    white = 244 * height + np.array([216.0, 220.0, 224.0], dtype=np.float32) * (1 - height)
    amount = np.clip((cover - (1.05 - 1.1 * light.cover)) * 2.2, 0, 1)
    shade = 1 - 0.2 * light.cover * np.clip(cover * 1.4 - 0.4, 0, 1)
    sky = Image.fromarray(np.clip((blue * (1 - amount) + white * amount) * shade, 0, 255).astype(np.uint8))
    # Smooth to the photo's size; every one of its pixels then covers a few of the canvas.
    high = max(1, round(canvas.camera.horizon_row) + 2)
    sky = sky.resize((canvas.camera.size[1], high // canvas.camera.oversampling + 1), Image.Resampling.BILINEAR)
    sky.putalpha(owner)
    canvas.image.paste(sky.resize((wide, high), Image.Resampling.NEAREST), (0, 0))


def _paint_bonnet(canvas: Canvas, seed: int) -> None:
    """The car that carries the camera: its bonnet along the lower edge, void in Cityscapes."""
    rng = stream(seed, 7)
    camera: Camera = canvas.camera
    wide, high = camera.canvas_size
    rise = high * float(rng.uniform(0.045, 0.115))
    if rng.random() < 0.12:
        return
    owner = canvas.own("ego vehicle", depth=2.0)
    tone = np.array([(26, 28, 32), (96, 100, 104), (150, 152, 152), (34, 48, 76), (88, 24, 26)][int(rng.integers(5))])
    across = np.linspace(-1.02, 1.02, 33)
    for share, gain in ((1.0, 1.5), (0.93, 1.15), (0.75, 0.95), (0.5, 0.8), (0.25, 0.68)):
        crest = high - rise * share * (1 - 0.55 * np.abs(across) ** 3.2)
        curve = np.stack([wide / 2 + across * wide / 2, crest], axis=1)
        outline = np.vstack([curve, [[wide + 2, high + 2], [-2, high + 2]]])
        canvas.fill(outline, np.clip(tone * gain + 8 * gain, 0, 255).astype(int).tolist(), owner)
