"""One RGBA image that is painted far to near: colour in RGB, the number of the owning object in alpha.

Every stroke writes both at once, so photo, labels and instances cannot disagree about a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from cityseg.classes import LABELS
from cityseg.data.synthetic.camera import Camera
from cityseg.data.synthetic.indexed import PADDING, Texture, pack, sharp_enough

Color = tuple[int, int, int]

LABEL_ID = {label.name: label.id for label in LABELS}
_HAS_INSTANCES = {label.name: label.has_instances for label in LABELS}
MOST_OWNERS = 254
_RAMP = np.linspace(0, 1, 256, dtype=np.float32)[:, None]


@dataclass(frozen=True, slots=True)
class Lamp:
    """A light source that shows at dusk, at night, in fog and in rain.

    Attributes:
        column, row: canvas position, pixels.
        owner: owner number of the object that carries it; hidden where another owner is in front.
        color: (red, green, blue), 0 to 255.
        radius: of the source, canvas pixels.
        reach: strength of its halo, 0 to 1.
    """

    column: float
    row: float
    owner: int
    color: Color
    radius: float
    reach: float


@dataclass(frozen=True, slots=True)
class Glow:
    """Lit windows: a picture of their light, to be added where the owner is visible.

    Attributes:
        image: (H, W) uint8 picture of the light at canvas resolution.
        left, top: canvas position of its corner.
        owner: owner number of the facade.
    """

    image: np.ndarray
    left: int
    top: int
    owner: int


class Canvas:
    """The picture being painted, and who owns each of its pixels."""

    def __init__(self, camera: Camera, *, glowing: bool) -> None:
        self.camera = camera
        self.glowing = glowing
        self.image = Image.new("RGBA", camera.canvas_size, (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.image)
        self.shadow = Image.new("L", camera.size[::-1], 0)
        self.shadow_draw = ImageDraw.Draw(self.shadow)
        self.pool = Image.new("L", camera.size[::-1], 0) if glowing else None
        self.label_ids: list[int] = []
        self.instance_ids: list[int] = []
        self.planes: list[tuple[float, float, float]] = []
        self.lamps: list[Lamp] = []
        self.glows: list[Glow] = []
        self._counts: dict[str, int] = {}

    @property
    def room(self) -> int:
        """How many more objects fit into one frame."""
        return MOST_OWNERS - len(self.label_ids)

    def own(self, label: str, *, depth: float = 0.0, plane: tuple[float, float, float] | None = None) -> int:
        """Register an object and return its owner number.

        ``plane`` (a, b, c) gives its inverse depth as ``a * ray_x + b * ray_y + c``; without one the object
        stands at a constant ``depth`` in metres (0 means infinitely far).
        """
        label_id = LABEL_ID[label]
        instance = label_id
        if _HAS_INSTANCES[label]:
            count = self._counts.get(label, 0)
            self._counts[label] = count + 1
            instance = label_id * 1000 + count
        self.label_ids.append(label_id)
        self.instance_ids.append(instance)
        self.planes.append(plane or (0.0, 0.0, 1.0 / depth if depth else 0.0))
        return len(self.label_ids) - 1

    def own_wall(self, label: str, corners: np.ndarray) -> int:
        """Register an upright plane through the first two of (N, 3) world points."""
        (x0, _, z0), (x1, _, z1) = corners[0], corners[1]
        normal_x, normal_z = z1 - z0, x0 - x1
        distance = normal_x * x0 + normal_z * z0
        if abs(distance) < 1e-3:
            return self.own(label, depth=float((z0 + z1) / 2))
        return self.own(label, plane=(normal_x / distance, 0.0, normal_z / distance))

    def sees(self, place: tuple[float, float], reach: float) -> bool:
        """Whether something ``reach`` metres to both sides of world (x, z) lies in the picture's columns."""
        x, z = place
        return z > 0 and abs(x) - reach < self.camera.canvas_size[0] / 2 * z / self.camera.scale

    def fill(self, pixels: np.ndarray, color: Sequence[int], owner: int) -> None:
        """Fill the polygon of (N, 2) canvas positions."""
        points = np.rint(pixels).ravel().tolist()
        self.draw.polygon(points, fill=(color[0], color[1], color[2], owner))

    def shape(self, world: np.ndarray, color: Sequence[int], owner: int) -> None:
        """Fill the polygon of (N, 3) world points."""
        self.draw.polygon(self.camera.outline(world), fill=(color[0], color[1], color[2], owner))

    def line(self, pixels: np.ndarray, color: Sequence[int], width: float, owner: int) -> None:
        """Draw an open line through (N, 2) canvas positions, ``width`` canvas pixels wide."""
        points = np.rint(pixels).ravel().tolist()
        ink = (color[0], color[1], color[2], owner)
        self.draw.line(points, fill=ink, width=max(1, round(width)), joint="curve" if width > 4 else None)

    def shade(self, world: np.ndarray, strength: int) -> None:
        """Darken the ground within the polygon of (N, 3) world points; strength 0 to 255."""
        self.shadow_draw.polygon(self.camera.outline(world, self.camera.oversampling), fill=strength)

    def light_ground(self, x: float, z: float) -> None:
        """Brighten the ground below a street lamp at world (x, z)."""
        if self.pool is None:
            return
        spot = Image.new("L", self.pool.size, 0)
        draw = ImageDraw.Draw(spot)
        angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        circle = np.stack([np.cos(angles), np.zeros(20), np.sin(angles)], axis=1)
        for radius, strength in ((6.8, 30), (5.8, 62), (4.8, 98), (3.8, 138), (2.8, 182), (1.8, 230)):
            points = circle * radius + (x, 0.0, z)
            points[:, 2] = np.maximum(points[:, 2], 1.0)
            draw.polygon(self.camera.outline(points, self.camera.oversampling), fill=strength)
        # Where the light of two lamps meets, the brighter one shows.
        self.pool = ImageChops.lighter(self.pool, spot)

    def lamp(self, world: Sequence[float], color: Color, radius: float, reach: float, owner: int) -> None:
        """Remember a light of ``radius`` metres at a world point."""
        if self.glowing and world[2] > 0:
            (column, row), depth = self.camera.project(np.array([world]))[0], max(world[2], 1.0)
            self.lamps.append(Lamp(column, row, owner, color, radius * self.camera.scale / depth, reach))

    def sprite(
        self,
        tones: np.ndarray,
        colors: tuple[Color, Color],
        box: tuple[float, float, float, float],
        owner: int,
    ) -> None:
        """Paste an (H, W) uint8 brightness picture, coloured from dark to bright; 0 is cut out.

        ``box`` is its place on the canvas (left, top, right, bottom), pixels.
        """
        width, height = self.camera.canvas_size
        left, top, right, bottom = (round(edge) for edge in box)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        if x0 >= x1 or y0 >= y1:
            return
        high, wide = tones.shape
        rows = (np.arange(y0 - top, y1 - top) * high // (bottom - top) * wide).astype(np.int32)
        columns = (np.arange(x0 - left, x1 - left) * wide // (right - left)).astype(np.int32)
        picture = tones.take(rows[:, None] + columns)
        dark, bright = np.array(colors, dtype=np.float32)
        painted = pack(dark + (bright - dark) * _RAMP, owner).take(picture)
        size = x1 - x0, y1 - y0
        piece = Image.frombuffer("RGBA", size, painted, "raw", "RGBA", 0, 1)
        self.image.paste(piece, (x0, y0), Image.frombuffer("1", size, picture, "raw", "1;8", 0, 1))

    def wall(
        self,
        world: np.ndarray,
        pictures: tuple[Texture, ...],
        owner: int,
        *,
        light: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        """Stretch a texture over an upright wall: (4, 3) world corners, bottom near, bottom far, top far, top near.

        ``pictures`` are its ``levels``. Where one has a mask the background shows through, as between the bars of a
        fence, while the whole wall still belongs to ``owner``.
        """
        corners = self.camera.project(world)
        width, height = self.camera.canvas_size
        left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int).tolist()
        right, bottom = np.minimum(np.ceil(corners.max(axis=0)) + 1, (width, height)).astype(int).tolist()
        if right <= left or bottom <= top:
            return
        # An upright wall keeps its columns: each shows one column of the texture, evenly stretched.
        (near, low_near), (far, low_far), (_, high_far), (_, high_near) = corners.tolist()
        share = (np.arange(left, right) + 0.5 - near) / ((far - near) or 1.0)
        share = np.minimum(np.maximum(share, 0.0), 1.0)
        rows_high = high_near + share * (high_far - high_near)
        stretch = np.maximum(low_near + share * (low_far - low_near) - rows_high, 1e-3)
        picture = sharp_enough(pictures, 0.8 * float(stretch.max()))
        closeness = share / world[1, 2] + (1 - share) / world[0, 2]
        columns = (share / world[1, 2] / closeness * (picture.width - 1e-3)).astype(np.int32)
        steps = (picture.height / stretch).astype(np.float32)
        offsets = ((top + 0.5 - rows_high) * picture.height / stretch + PADDING).astype(np.float32)
        rows = np.arange(bottom - top, dtype=np.float32)[:, None] * steps
        rows += offsets
        places = rows.astype(np.int32)
        places *= picture.width
        places += columns
        size = right - left, bottom - top
        painted = picture.inks(light, owner).take(picture.indices.take(places, mode="clip"))
        piece = Image.frombuffer("RGBA", size, painted, "raw", "RGBA", 0, 1)
        outline = Image.new("1", size, 0)
        points = np.rint(corners - (left, top)).ravel().tolist()
        ImageDraw.Draw(outline).polygon(points, fill=1)
        if picture.mask is None:
            self.image.paste(piece, (left, top), outline)
        else:
            self.claim(corners, owner)
            cut = Image.new("L", size, 0)
            cut.paste(Image.fromarray(picture.mask.take(places, mode="clip")), (0, 0), outline)
            self.image.paste(piece, (left, top), cut)
        if picture.glow is not None and self.glowing:
            self.glows.append(Glow(picture.glow.take(places, mode="clip"), left, top, owner))

    def claim(self, pixels: np.ndarray, owner: int) -> None:
        """Give the polygon of (N, 2) canvas positions to ``owner`` without painting it: spoked wheels, wire."""
        width, height = self.camera.canvas_size
        left, top = np.maximum(np.floor(pixels.min(axis=0)), 0).astype(int).tolist()
        right, bottom = np.minimum(np.ceil(pixels.max(axis=0)) + 1, (width, height)).astype(int).tolist()
        if right <= left or bottom <= top:
            return
        region = self.image.crop((left, top, right, bottom))
        owners = region.getchannel("A")
        points = np.rint(pixels - (left, top)).ravel().tolist()
        ImageDraw.Draw(owners).polygon(points, fill=owner)
        region.putalpha(owners)
        self.image.paste(region, (left, top))
