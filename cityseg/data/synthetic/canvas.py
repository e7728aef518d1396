"""One RGBA image that is painted far to near: colour in RGB, the number of the owning object in alpha.

Every stroke writes both at once, so photo, labels and instances cannot disagree about a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cityseg.data.synthetic.camera import Camera
from cityseg.labels import LABELS

Color = tuple[int, int, int]

LABEL_ID = {label.name: label.id for label in LABELS}
_HAS_INSTANCES = {label.name: label.has_instances for label in LABELS}
MOST_OWNERS = 254


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
        image: "L" picture of the light at canvas resolution.
        left, top: canvas position of its corner.
        owner: owner number of the facade.
    """

    image: Image.Image
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

    def fill(self, pixels: np.ndarray, color: Sequence[int], owner: int) -> None:
        """Fill the polygon of (N, 2) canvas positions."""
        points = np.rint(pixels).ravel().tolist()
        self.draw.polygon(points, fill=(color[0], color[1], color[2], owner))

    def shape(self, world: np.ndarray, color: Sequence[int], owner: int) -> None:
        """Fill the polygon of (N, 3) world points."""
        self.fill(self.camera.project(world), color, owner)

    def line(self, pixels: np.ndarray, color: Sequence[int], width: float, owner: int) -> None:
        """Draw an open line through (N, 2) canvas positions, ``width`` canvas pixels wide."""
        points = np.rint(pixels).ravel().tolist()
        ink = (color[0], color[1], color[2], owner)
        self.draw.line(points, fill=ink, width=max(1, round(width)), joint="curve" if width > 4 else None)

    def shade(self, world: np.ndarray, strength: int) -> None:
        """Darken the ground within the polygon of (N, 3) world points; strength 0 to 255."""
        points = np.rint(self.camera.project(world) * (1 / self.camera.oversampling)).ravel().tolist()
        self.shadow_draw.polygon(points, fill=strength)

    def light_ground(self, x: float, z: float) -> None:
        """Brighten the ground below a street lamp at world (x, z)."""
        if self.pool is None:
            return
        draw = ImageDraw.Draw(self.pool)
        angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        circle = np.stack([np.cos(angles), np.zeros(20), np.sin(angles)], axis=1)
        for radius, strength in ((7.5, 50), (5.5, 95), (3.8, 140), (2.2, 185)):
            points = circle * radius + (x, 0.0, z)
            points[:, 2] = np.maximum(points[:, 2], 1.0)
            flat = np.rint(self.camera.project(points) * (1 / self.camera.oversampling)).ravel().tolist()
            draw.polygon(flat, fill=strength)

    def lamp(self, world: Sequence[float], color: Color, radius: float, reach: float, owner: int) -> None:
        """Remember a light of ``radius`` metres at a world point."""
        if self.glowing and world[2] > 0:
            (column, row), depth = self.camera.project(np.array([world]))[0], max(world[2], 1.0)
            self.lamps.append(Lamp(column, row, owner, color, radius * self.camera.scale / depth, reach))

    def sprite(
        self,
        tones: Image.Image,
        mask: Image.Image,
        colors: tuple[Color, Color],
        box: tuple[float, float, float, float],
        owner: int,
    ) -> None:
        """Paste a brightness picture ("L"), coloured from dark to bright and cut out by a "1" mask of its size.

        ``box`` is its place on the canvas (left, top, right, bottom), pixels.
        """
        width, height = self.camera.canvas_size
        left, top, right, bottom = (round(edge) for edge in box)
        seen = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        if seen[0] >= seen[2] or seen[1] >= seen[3]:
            return
        across, down = tones.width / (right - left), tones.height / (bottom - top)
        source = (
            (seen[0] - left) * across,
            (seen[1] - top) * down,
            min((seen[2] - left) * across, tones.width),
            min((seen[3] - top) * down, tones.height),
        )
        size = seen[2] - seen[0], seen[3] - seen[1]
        tone = tones.resize(size, Image.Resampling.BILINEAR, box=source)
        dark, bright = colors
        (r0, r1), (g0, g1), (b0, b1) = ((low, (high - low) / 255) for low, high in zip(dark, bright, strict=True))
        piece = Image.merge("RGB", (tone, tone, tone)).convert("RGB", (r1, 0, 0, r0, 0, g1, 0, g0, 0, 0, b1, b0))
        piece.putalpha(owner)
        self.image.paste(piece, seen[:2], mask.resize(size, Image.Resampling.NEAREST, box=source))

    def quad(
        self,
        world: np.ndarray,
        texture: Image.Image,
        owner: int,
        *,
        light: Sequence[float] = (1.0, 1.0, 1.0),
        mask: Image.Image | None = None,
        glow: Image.Image | None = None,
    ) -> None:
        """Stretch an RGB texture over four world corners (bottom near, bottom far, top far, top near).

        ``mask`` ("L", texture-sized) lets the background show through, as between the bars of a fence, while the
        whole quad still belongs to ``owner``. ``glow`` ("L", texture-sized) is the light of its windows.
        """
        corners = self.camera.project(world)
        width, height = self.camera.canvas_size
        left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int).tolist()
        right, bottom = np.minimum(np.ceil(corners.max(axis=0)) + 1, (width, height)).astype(int).tolist()
        if right <= left or bottom <= top:
            return
        inset = 0.75
        wide, high = texture.width - inset, texture.height - inset
        source = np.array([[inset, high], [wide, high], [wide, inset], [inset, inset]])
        coefficients = _homography(corners - (left, top), source)
        size = right - left, bottom - top
        warp = Image.Transform.PERSPECTIVE
        # Where the texture is finer than the canvas, the reduction to the photo's size smooths it anyway.
        magnified = self.camera.oversampling == 1 or np.ptp(corners[[0, 3], 1]) > 1.2 * texture.height
        smooth = Image.Resampling.BILINEAR if magnified else Image.Resampling.NEAREST
        piece = texture.transform(size, warp, coefficients, smooth)
        if tuple(light) != (1.0, 1.0, 1.0):
            red, green, blue = light
            piece = piece.convert("RGB", (red, 0, 0, 0, 0, green, 0, 0, 0, 0, blue, 0))
        outline = Image.new("1", size, 0)
        points = np.rint(corners - (left, top)).ravel().tolist()
        ImageDraw.Draw(outline).polygon(points, fill=1)
        if mask is None:
            piece.putalpha(owner)
            self.image.paste(piece, (left, top), outline)
        else:
            region = self.image.crop((left, top, right, bottom))
            owners = region.getchannel("A")
            owners.paste(owner, (0, 0), outline)
            behind = region.convert("RGB")
            cut = Image.new("L", size, 0)
            cut.paste(mask.transform(size, warp, coefficients, smooth), (0, 0), outline)
            behind.paste(piece, (0, 0), cut)
            behind.putalpha(owners)
            self.image.paste(behind, (left, top))
        if glow is not None and self.glowing:
            self.glows.append(Glow(glow.transform(size, warp, coefficients, smooth), left, top, owner))

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


def _homography(source: np.ndarray, target: np.ndarray) -> list[float]:
    """Pillow's eight perspective coefficients that send (4, 2) source points to (4, 2) target points."""
    rows = np.zeros((8, 8))
    for index, ((column, row), (u, v)) in enumerate(zip(source, target, strict=True)):
        rows[2 * index] = (column, row, 1, 0, 0, 0, -u * column, -u * row)
        rows[2 * index + 1] = (0, 0, 0, column, row, 1, -v * column, -v * row)
    return [float(value) for value in np.linalg.solve(rows, target.ravel())]
