"""Drawn-once pictures: noise tiles, tree crowns, leaves, masonry, fences and clouds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from cityseg.data.synthetic.camera import stream
from cityseg.data.synthetic.indexed import Texture, levels

TILE = 256
"""Side of the repeating noise tiles, pixels."""


@lru_cache(maxsize=32)
def noise(kind: int, cells: int, octaves: int = 4) -> np.ndarray:
    """A repeating (TILE, TILE) float32 noise tile of mean 0 and standard deviation 1.

    Args:
        kind: which one; every kind has its own random stream.
        cells: how many blobs of the coarsest octave fit along one side.
        octaves: how many finer octaves are added, each at half the strength.
    """
    rng = stream(kind, 90)
    total = np.zeros((TILE, TILE), dtype=np.float32)
    strength = 1.0
    for _ in range(octaves):
        cells = min(cells, TILE)
        grid = rng.standard_normal((cells, cells)).astype(np.float32)
        wrapped = np.pad(grid, 2, mode="wrap")
        picture = Image.fromarray(wrapped)
        box = (2.0, 2.0, 2.0 + cells, 2.0 + cells)
        total += strength * np.asarray(picture.resize((TILE, TILE), Image.Resampling.BICUBIC, box=box))
        cells *= 2
        strength *= 0.55
    # In double precision the order in which a processor adds up does not show in the result.
    mean, deviation = total.mean(dtype=np.float64), total.std(dtype=np.float64)
    return (total - np.float32(mean)) / np.float32(deviation)


def grain(size: tuple[int, int], kind: int, cells: int, octaves: int = 4) -> np.ndarray:
    """(height, width) float32 noise for a texture of ``size`` (height, width), cut from a repeating tile."""
    tile = noise(kind, cells, octaves)
    rows = np.arange(size[0])[:, None] % TILE
    return tile[rows, np.arange(size[1])[None, :] % TILE]


def speckle(image: Image.Image, kind: int, cells: int, strength: float) -> Image.Image:
    """An RGB picture with its brightness disturbed by noise; ``strength`` is the relative deviation."""
    pixels = np.asarray(image, dtype=np.float32)
    gain = 1 + strength * grain((image.height, image.width), kind, cells)
    return Image.fromarray(np.clip(pixels * gain[..., None], 0, 255).astype(np.uint8))


CROWN_SIDE = 320
"""Side of a crown's picture, pixels."""


@lru_cache(maxsize=512)
def crown(variant: int, shape: str, mirrored: bool, level: int) -> np.ndarray:
    """A tree crown, halved ``level`` times: its brightness, uint8, and 0 outside of it."""
    tones, outline = _full_crown(variant, shape)
    if mirrored:
        tones, outline = ImageOps.mirror(tones), ImageOps.mirror(outline)
    if level:
        side = CROWN_SIDE >> level
        tones = tones.resize((side, side), Image.Resampling.BOX)
        outline = outline.resize((side, side), Image.Resampling.NEAREST)
    cut: np.ndarray = np.maximum(np.asarray(tones), 1) * np.asarray(outline)
    return cut


@lru_cache(maxsize=64)
def _full_crown(variant: int, shape: str) -> tuple[Image.Image, Image.Image]:
    """A crown lit from the left.

    Clumps of leaves are painted from the dark inside to the lit outside; ``shape`` is round, tall, wide or conifer.
    """
    rng = stream(variant, 91)
    side, unit = CROWN_SIDE, CROWN_SIDE / 224
    light = Image.new("L", (side, side), 40)
    mask = Image.new("L", (side, side), 0)
    paint, cut = ImageDraw.Draw(light), ImageDraw.Draw(mask)
    half_width = unit * {"round": 88, "tall": 62, "wide": 100, "conifer": 70}[shape]
    half_height = unit * {"round": 88, "tall": 100, "wide": 70, "conifer": 102}[shape]
    for layer in range(3):
        for _ in range((80, 120, 130)[layer]):
            angle = rng.uniform(0, 2 * np.pi)
            distance = np.sqrt(rng.random()) * (1.0, 0.9, 0.78)[layer]
            x = side / 2 + half_width * distance * np.cos(angle)
            down = distance * np.sin(angle)
            if shape == "conifer":
                x = side / 2 + (x - side / 2) * (0.12 + 0.5 * (1 + down))
            y = side / 2 + half_height * down - unit * (0, 3, 7)[layer]
            radius = unit * rng.uniform(7, 19) * (1.0, 0.72, 0.45)[layer]
            # Lit from above and a little from the left; mirrored at use where the sun stands right.
            height = 0.5 - (y - side / 2) / (2 * half_height)
            tone = 38 + 46 * layer + 80 * height + 18 * (side / 2 - x) / half_width + rng.uniform(-16, 16)
            box = [x - radius, y - radius * 0.85, x + radius, y + radius * 0.85]
            paint.ellipse(box, fill=int(np.clip(tone, 10, 250)))
            cut.ellipse(box, fill=255)
    leaves = grain((side, side), variant % 5, 100, 2)
    tones = np.asarray(light.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float32)
    tones = np.clip(tones * (1 + 0.3 * leaves), 0, 255).astype(np.uint8)
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(3.5)), dtype=np.float32) / 255
    outline = soft + 0.14 * grain((side, side), 7 + variant % 3, 48, 3) > 0.47
    # Strong noise alone must not leave single leaves floating in the sky.
    outline &= soft > 0.25
    return Image.fromarray(tones), Image.fromarray(outline)


@lru_cache(maxsize=8)
def leaves(variant: int) -> Image.Image:
    """A dense 256 x 128 picture of hedge leaves, brightness only ("L")."""
    field = 105 + 34 * noise(20 + variant, 40, 3)[:128] + 18 * noise(24 + variant, 8, 2)[:128]
    rows = np.linspace(26, -34, 128)[:, None]
    return Image.fromarray(np.clip(field + rows, 8, 250).astype(np.uint8))


@lru_cache(maxsize=16)
def masonry(variant: int) -> tuple[Texture, ...]:
    """A garden or retaining wall, 512 x 96 RGB: plaster, brick, rubble, concrete panels, with coping and stains."""
    rng = stream(variant, 92)
    wide, high = 512, 96
    base = [(176, 168, 150), (146, 92, 74), (138, 130, 118), (165, 163, 158), (196, 184, 160), (120, 84, 70)][
        variant % 6
    ]
    image = Image.new("RGB", (wide, high), base)
    draw = ImageDraw.Draw(image)
    kind = variant % 4
    if kind in (1, 2):
        course = 8 if kind == 1 else 13
        for row, top in enumerate(range(0, high, course)):
            left = -(row % 2) * 10
            while left < wide:
                step = 20 if kind == 1 else int(rng.integers(15, 34))
                gain = rng.uniform(0.78, 1.14)
                draw.rectangle([left, top, left + step - 2, top + course - 2], fill=_scaled(base, gain))
                left += step
    elif kind == 3:
        for left in range(0, wide, 64):
            draw.rectangle([left, 0, left + 62, high], fill=_scaled(base, rng.uniform(0.92, 1.06)))
            draw.line([left + 63, 0, left + 63, high], fill=_scaled(base, 0.6), width=2)
    for left in range(0, wide, 128):
        draw.rectangle([left, 0, left + 9, high], fill=_scaled(base, 0.88))
    draw.rectangle([0, 0, wide, 7], fill=_scaled(base, 1.18))
    draw.line([0, 8, wide, 8], fill=_scaled(base, 0.62), width=2)
    pixels = np.asarray(image, dtype=np.float32)
    stain = 1 - 0.16 * np.linspace(0, 1, high)[:, None] ** 3 + 0.07 * grain((high, wide), 30 + variant, 10)
    return levels(Image.fromarray(np.clip(pixels * stain[..., None], 0, 255).astype(np.uint8)))


@lru_cache(maxsize=16)
def fence(variant: int) -> tuple[Texture, ...]:
    """A fence, 512 x 96, and the mask of what is solid in it (boards, bars, mesh, hoardings)."""
    rng = stream(variant, 93)
    wide, high = 512, 96
    kind = variant % 4
    base = [(122, 92, 64), (46, 58, 52), (150, 154, 156), (206, 202, 190)][kind]
    if variant >= 4:
        base = _scaled(base, float(rng.uniform(0.7, 1.15)))
    image = Image.new("RGB", (wide, high), base)
    mask = Image.new("L", (wide, high), 0)
    draw, solid = ImageDraw.Draw(image), ImageDraw.Draw(mask)
    pitch, bar = [(11, 10), (12, 5), (8, 2), (18, 12)][kind]
    for left in range(0, wide, pitch):
        top = 4 + int(rng.integers(0, 3)) if kind != 2 else 3
        draw.rectangle([left, top, left + bar - 1, high], fill=_scaled(base, rng.uniform(0.8, 1.12)))
        draw.line([left, top, left, high], fill=_scaled(base, 0.72))
        solid.rectangle([left, top, left + bar - 1, high], fill=255)
    rails = [(12, 20), (74, 82)] if kind != 2 else [(2, 6), (30, 32), (60, 62), (90, 95)]
    for top, bottom in rails:
        draw.rectangle([0, top, wide, bottom], fill=_scaled(base, 0.9))
        solid.rectangle([0, top, wide, bottom], fill=255)
    for left in range(0, wide, 96):
        draw.rectangle([left, 0, left + 9, high], fill=_scaled(base, 0.82))
        draw.line([left + 9, 0, left + 9, high], fill=_scaled(base, 0.5))
        solid.rectangle([left, 0, left + 9, high], fill=255)
    return levels(speckle(image, 40 + variant, 48, 0.06), mask=mask)


@lru_cache(maxsize=8)
def clouds(variant: int) -> np.ndarray:
    """(160, 512) float32 cloud cover, 0 (blue) to 1 (white); the lower rows lie nearer to the horizon."""
    tile = np.concatenate([noise(50 + variant, 5, 6), noise(50 + variant, 5, 6)], axis=1)[:160]
    # Clouds flatten towards the horizon, so their picture is squeezed there.
    rows = (159 * np.linspace(0, 1, 160) ** 1.7).astype(int)
    result: np.ndarray = np.clip(0.5 + 0.42 * tile[rows], 0, 1)
    return result


def _scaled(color: tuple[int, int, int], gain: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(channel * float(gain)))) for channel in color)
    return red, green, blue
