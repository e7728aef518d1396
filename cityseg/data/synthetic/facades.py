"""House fronts, drawn flat once and stretched along the street later."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from cityseg.data.synthetic.camera import stream
from cityseg.data.synthetic.indexed import Texture, levels
from cityseg.data.synthetic.textures import grain

PIXELS_PER_METRE = 20
VARIANTS = 56

Color = tuple[int, int, int]

_PLASTER: tuple[Color, ...] = (
    (206, 192, 164), (186, 172, 150), (214, 206, 190), (178, 152, 122), (196, 178, 120), (170, 176, 172),
    (190, 150, 128), (158, 164, 148), (222, 212, 178), (150, 140, 132), (200, 168, 140), (168, 180, 190),
)  # fmt: skip
_BRICK: tuple[Color, ...] = ((140, 82, 64), (122, 74, 62), (156, 104, 80), (128, 98, 80), (104, 70, 60))
_MODERN: tuple[Color, ...] = ((150, 154, 158), (112, 120, 128), (176, 178, 176), (92, 100, 106), (140, 132, 120))
_SHOP: tuple[Color, ...] = ((150, 32, 34), (28, 62, 112), (34, 92, 64), (196, 152, 40), (52, 48, 50), (120, 44, 96))


@dataclass(frozen=True, slots=True)
class Front:
    """One drawn house front.

    Attributes:
        pictures: the front, lit windows included, at falling sizes.
        width, height: extent, metres.
        color: mean wall colour, for the gable and what is seen of the sides.
        modern: whether it has a flat roof.
    """

    pictures: tuple[Texture, ...]
    width: float
    height: float
    color: Color
    modern: bool


@lru_cache(maxsize=VARIANTS)
def front(variant: int) -> Front:
    """House front number ``variant`` (0 to ``VARIANTS`` - 1)."""
    rng = stream(variant, 94)
    style = ("plaster", "plaster", "brick", "modern", "plaster", "brick", "house")[variant % 7]
    floors = int(rng.integers(3, 7)) if style != "house" else int(rng.integers(2, 4))
    bays = int(rng.integers(4, 8)) if style != "house" else int(rng.integers(3, 5))
    bay = float(rng.uniform(2.3, 3.3))
    storey = float(rng.uniform(2.8, 3.5))
    ground = storey * float(rng.uniform(1.05, 1.3))
    width, height = bays * bay, ground + (floors - 1) * storey + 0.5
    colors = {"brick": _BRICK, "modern": _MODERN}.get(style, _PLASTER)
    base = tuple(int(np.clip(c * rng.uniform(0.9, 1.08), 0, 255)) for c in colors[int(rng.integers(len(colors)))])
    sheet = _Sheet(width, height, (base[0], base[1], base[2]), rng)
    if style == "brick":
        sheet.bricks()
    sheet.weather(variant)
    shop = style != "house" and rng.random() < 0.6
    frame: Color = (228, 226, 218) if rng.random() < 0.6 else (70, 60, 54)
    tall = float(rng.uniform(1.45, 2.0))
    slim = float(rng.uniform(0.95, 1.35)) if style != "modern" else bay * 0.82
    shutters = style in ("plaster", "house") and rng.random() < 0.35
    balconies = style in ("plaster", "modern") and rng.random() < 0.4
    trim = sheet.tone(1.16 if rng.random() < 0.6 else 0.8)
    for floor in range(1, floors):
        sill = ground + (floor - 1) * storey + 0.85
        if style != "modern" or rng.random() < 0.3:
            sheet.box(0, sill - 0.98, width, sill - 0.84, trim)
        for column in range(bays):
            middle = (column + 0.5) * bay
            sheet.window(middle - slim / 2, sill, slim, min(tall, storey - 1.15), frame, trim, shutters=shutters)
            if balconies and column % 2 == variant % 2 and floor > 0:
                sheet.balcony(middle - bay * 0.42, sill - 0.8, bay * 0.84)
    door = int(rng.integers(bays))
    if shop:
        color = _SHOP[int(rng.integers(len(_SHOP)))]
        sheet.box(0.2, ground - 0.75, width - 0.2, ground - 0.12, color)
        sheet.lettering(0.8, ground - 0.6, width - 1.6, 0.36)
    for column in range(bays):
        left = column * bay
        if column == door:
            sheet.door(left + bay / 2 - 0.6, min(2.35, ground - 0.9))
        elif shop:
            sheet.showcase(left + 0.18, 0.45, bay - 0.36, ground - 1.35)
        else:
            sheet.window(left + bay / 2 - slim / 2, 0.95, slim, min(tall, ground - 1.5), frame, trim)
    if shop and rng.random() < 0.5:
        sheet.awning(0.5 + bay * int(rng.integers(0, 2)), ground - 0.9, bay * 2, _SHOP[int(rng.integers(len(_SHOP)))])
    sheet.box(0, 0, width, 0.42, sheet.tone(0.66))
    if style != "modern":
        sheet.box(0, height - 0.42, width, height, sheet.tone(1.14))
        sheet.box(0, height - 0.56, width, height - 0.44, sheet.tone(0.6))
    else:
        sheet.box(0, height - 0.22, width, height, sheet.tone(0.72))
    # A drain pipe marks where one house ends and the next begins.
    sheet.box(0.05, 0, 0.17, height - 0.5, sheet.tone(0.55))
    pictures = levels(sheet.image, glow=sheet.glow)
    return Front(pictures, width, height, sheet.base, style == "modern")


class _Sheet:
    """A house front in metres, origin at the lower left."""

    def __init__(self, width: float, height: float, base: Color, rng: np.random.Generator) -> None:
        self.size = round(width * PIXELS_PER_METRE), round(height * PIXELS_PER_METRE)
        self.base = base
        self.rng = rng
        self.image = Image.new("RGB", self.size, base)
        self.draw = ImageDraw.Draw(self.image)
        self.glow = Image.new("L", self.size, 0)
        self.glow_draw = ImageDraw.Draw(self.glow)

    def tone(self, gain: float) -> Color:
        red, green, blue = (min(255, round(channel * gain)) for channel in self.base)
        return red, green, blue

    def place(self, left: float, low: float, right: float, high: float) -> list[int]:
        pixels = PIXELS_PER_METRE
        top, bottom = self.size[1] - high * pixels, self.size[1] - low * pixels
        box = [round(left * pixels), round(top), round(right * pixels) - 1, round(bottom) - 1]
        return [box[0], box[1], max(box[0], box[2]), max(box[1], box[3])]

    def box(self, left: float, low: float, right: float, high: float, color: Color) -> None:
        self.draw.rectangle(self.place(left, low, right, high), fill=color)

    def bricks(self) -> None:
        for row, top in enumerate(range(0, self.size[1], 4)):
            for left in range(-(row % 2) * 4, self.size[0], 9):
                if self.rng.random() < 0.6:
                    color = self.tone(float(self.rng.uniform(0.8, 1.16)))
                    self.draw.rectangle([left, top, left + 7, top + 2], fill=color)

    def weather(self, kind: int) -> None:
        """Stains, grain, and the dirt of the street low down."""
        pixels = np.asarray(self.image, dtype=np.float32)
        high, wide = pixels.shape[:2]
        low = np.linspace(0, 1, high, dtype=np.float32)[:, None]
        gain = 1 + 0.05 * grain((high, wide), 60 + kind % 8, 6) + 0.035 * grain((high, wide), 70 + kind % 4, 90, 2)
        gain *= 1.03 - 0.15 * low**4
        self.image = Image.fromarray(np.clip(pixels * gain[..., None], 0, 255).astype(np.uint8))
        self.draw = ImageDraw.Draw(self.image)

    def pane(self, left: float, low: float, right: float, high: float) -> None:
        """Glass: sky above, dark room below, sometimes a curtain; sometimes lit at night."""
        box = self.place(left, low, right, high)
        dark = int(self.rng.integers(34, 72))
        self.draw.rectangle(box, fill=(dark, dark + 6, dark + 12))
        middle = box[1] + (box[3] - box[1]) * float(self.rng.uniform(0.25, 0.65))
        bright = dark + int(self.rng.integers(18, 75))
        self.draw.polygon(
            [box[0], box[1], box[2], box[1], box[2], middle - 3, box[0], middle + 3],
            fill=(bright, bright + 8, bright + 16),
        )
        if self.rng.random() < 0.3:
            edge = box[0] + (box[2] - box[0]) // 3
            self.draw.rectangle([box[0], box[1], edge, box[3]], fill=(176, 170, 158))
        if self.rng.random() < 0.36:
            self.glow_draw.rectangle(box, fill=int(self.rng.integers(120, 255)))

    def window(
        self, left: float, low: float, width: float, height: float, frame: Color, trim: Color, *, shutters: bool = False
    ) -> None:
        self.box(left - 0.12, low - 0.14, left + width + 0.12, low + height + 0.12, trim)
        self.box(left, low, left + width, low + height, frame)
        self.pane(left + 0.08, low + 0.08, left + width - 0.08, low + height - 0.08)
        bars = 2 if width > 1.7 else 1
        for bar in range(1, bars + 1):
            middle = left + width * bar / (bars + 1)
            self.box(middle - 0.05, low, middle + 0.05, low + height, frame)
            self.glow_draw.rectangle(self.place(middle - 0.05, low, middle + 0.05, low + height), fill=0)
        # The reveal above the glass lies in shade; the sill below catches light.
        self.box(left, low + height - 0.1, left + width, low + height, self.tone(0.45))
        self.box(left - 0.18, low - 0.2, left + width + 0.18, low - 0.08, self.tone(1.2))
        if shutters:
            color = self.tone(0.6)
            self.box(left - 0.55, low, left - 0.1, low + height, color)
            self.box(left + width + 0.1, low, left + width + 0.55, low + height, color)

    def door(self, left: float, height: float) -> None:
        color = _SHOP[int(self.rng.integers(len(_SHOP)))]
        self.box(left - 0.2, 0, left + 1.4, height + 0.2, self.tone(0.8))
        self.box(left, 0, left + 1.2, height, (color[0] // 2 + 24, color[1] // 2 + 22, color[2] // 2 + 20))
        self.pane(left + 0.1, height - 0.55, left + 1.1, height - 0.1)
        self.box(left + 0.57, 0, left + 0.63, height - 0.6, (30, 26, 24))

    def showcase(self, left: float, low: float, width: float, height: float) -> None:
        self.box(left, low, left + width, low + height, (44, 42, 42))
        self.pane(left + 0.1, low + 0.1, left + width - 0.1, low + height - 0.1)
        self.glow_draw.rectangle(self.place(left + 0.1, low + 0.1, left + width - 0.1, low + height - 0.1), fill=225)
        for _ in range(4):
            x = left + 0.2 + float(self.rng.uniform(0, max(width - 0.9, 0.1)))
            tone = int(self.rng.integers(70, 190))
            self.box(x, low + 0.12, x + 0.4, low + float(self.rng.uniform(0.4, 1.1)), (tone, tone - 14, tone - 26))

    def balcony(self, left: float, low: float, width: float) -> None:
        self.box(left, low - 0.15, left + width, low, self.tone(0.62))
        for step in range(int(width / 0.2)):
            self.box(left + step * 0.2, low, left + step * 0.2 + 0.06, low + 0.9, (58, 60, 62))
        self.box(left, low + 0.86, left + width, low + 0.96, (48, 50, 52))

    def lettering(self, left: float, low: float, width: float, height: float) -> None:
        x = left
        while x < left + width * 0.7:
            step = float(self.rng.uniform(0.14, 0.34))
            if self.rng.random() < 0.82:
                self.box(x, low, x + step * 0.7, low + height * float(self.rng.uniform(0.6, 1)), (238, 232, 214))
            x += step

    def awning(self, left: float, low: float, width: float, color: Color) -> None:
        for step in range(int(width / 0.5)):
            tint = color if step % 2 else (226, 220, 206)
            self.box(left + step * 0.5, low - 0.75, left + step * 0.5 + 0.5, low, tint)
        self.box(left, low - 0.82, left + width, low - 0.74, (60, 56, 54))
