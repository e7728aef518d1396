"""Solids made of flat faces: turned, culled, lit and painted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cityseg.data.synthetic.canvas import Canvas, Color
from cityseg.data.synthetic.light import Light

GLOSSY = ("glass", "tail", "head", "plate", "amber", "screen")
"""Materials whose brightness does not follow the sun."""
DETAIL = ("trim", "crease", "hub", "arch", "shine", "plate", "grille", "sign")
FINE = 26.0
"""Canvas pixels per metre below which small details are left out."""
SMALL = 2.5
"""Canvas pixels below which a face is left out."""


@dataclass
class Solid:
    """Faces in the solid's own metres (x right, y up, z ahead), painted in the order they were added.

    A face that lies on another (a window on a door) is simply added after it.
    """

    faces: list[np.ndarray] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    normals: list[np.ndarray] = field(default_factory=list)

    def add(self, points: np.ndarray, material: str, inside: np.ndarray) -> None:
        """Add a flat (N, 3) face that looks away from the point ``inside``."""
        points = np.asarray(points, dtype=np.float64)
        following = np.roll(points, -1, axis=0)
        normal = np.cross(points, following).sum(axis=0)
        length = float(np.linalg.norm(normal))
        if length == 0.0:
            return
        normal /= length
        if normal @ (points.mean(axis=0) - inside) < 0:
            normal = -normal
        self.faces.append(points)
        self.materials.append(material)
        self.normals.append(normal)

    def prism(self, profile: np.ndarray, half_width: float, material: str, *, top: float | None = None) -> None:
        """Extrude a side view, (N, 2) points (z, y), to both sides; ``top`` is the half width at its highest point."""
        low, high = profile[:, 1].min(), profile[:, 1].max()
        narrow = half_width if top is None else top
        halves = half_width + (narrow - half_width) * (profile[:, 1] - low) / max(high - low, 1e-6)
        right = np.stack([halves, profile[:, 1], profile[:, 0]], axis=1)
        left = right * (-1, 1, 1)
        inside = right.mean(axis=0) * (0, 1, 1)
        count = len(profile)
        for index in range(count):
            following = (index + 1) % count
            self.add(np.array([left[index], left[following], right[following], right[index]]), material, inside)
        self.add(right, material, inside)
        self.add(left, material, inside)

    def box(self, low: tuple[float, float, float], high: tuple[float, float, float], material: str) -> None:
        """An upright box between two corners."""
        z0, z1, y0, y1 = low[2], high[2], low[1], high[1]
        profile = np.array([[z0, y0], [z0, y1], [z1, y1], [z1, y0]])
        shift = (low[0] + high[0]) / 2
        start = len(self.faces)
        self.prism(profile, (high[0] - low[0]) / 2, material)
        for face in self.faces[start:]:
            face[:, 0] += shift

    def side(self, points: np.ndarray, half_width: float, material: str) -> None:
        """The same (N, 2) picture (z, y) on both upright sides."""
        for sign in (-1.0, 1.0):
            face = np.stack([np.full(len(points), sign * half_width), points[:, 1], points[:, 0]], axis=1)
            self.add(face, material, np.array([0.0, points[:, 1].mean(), points[:, 0].mean()]))

    def disc(self, z: float, y: float, radius: float, half_width: float, material: str) -> None:
        """A round picture (a wheel, a hub) on both sides."""
        angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        self.side(np.stack([z + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1), half_width, material)

    def end(
        self, left: float, low: float, right: float, high: float, z: float, material: str, z_top: float | None = None
    ) -> None:
        """A rectangle on the front (z > 0) or rear end; ``z_top`` leans its upper edge."""
        upper = z if z_top is None else z_top
        points = np.array([[left, low, z], [right, low, z], [right, high, upper], [left, high, upper]])
        self.add(points, material, np.array([0.0, (low + high) / 2, 0.0]))

    def freeze(self) -> FrozenSolid:
        """Pack for painting."""
        counts = np.array([len(face) for face in self.faces])
        starts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        # Newell's formula: half the sum of the corners' cross products is the face's area vector.
        doubled = [np.cross(face, np.roll(face, -1, axis=0)).sum(axis=0) for face in self.faces]
        return FrozenSolid(
            np.concatenate(self.faces),
            starts,
            np.array(self.normals),
            np.array([face.mean(axis=0) for face in self.faces]),
            np.linalg.norm(doubled, axis=1) / 2,
            tuple(self.materials),
            np.array([material in GLOSSY for material in self.materials]),
            np.array([material in DETAIL for material in self.materials]),
        )


@dataclass(frozen=True)
class FrozenSolid:
    """A packed solid.

    Attributes:
        points: (P, 3) corners of all faces, one after the other.
        starts: F + 1 positions where each face's corners begin.
        normals: (F, 3) outward unit normals.
        centers: (F, 3) face centres.
        areas: (F,) square metres.
        materials: F names.
        glossy: (F,) bool, faces whose brightness does not follow the sun.
        fine: (F,) bool, faces that are left out far away.
    """

    points: np.ndarray
    starts: list[int]
    normals: np.ndarray
    centers: np.ndarray
    areas: np.ndarray
    materials: tuple[str, ...]
    glossy: np.ndarray
    fine: np.ndarray

    def paint(
        self,
        canvas: Canvas,
        light: Light,
        owner: int,
        place: tuple[float, float, float],
        heading: float,
        colors: dict[str, Color],
        gains: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        """Paint with the origin at the world point ``place``, turned by ``heading`` radians to the right."""
        cos, sin = float(np.cos(heading)), float(np.sin(heading))
        turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        points = (self.points * gains) @ turn + place
        if points[:, 2].min() < 0.9:
            return
        normals = self.normals @ turn
        centers = (self.centers * gains) @ turn + place
        facing = np.einsum("ij,ij->i", normals, centers - (0.0, canvas.camera.height, 0.0))
        pixels = np.rint(canvas.camera.project(points)).astype(np.int32).ravel().tolist()
        lit = np.where(self.glossy[:, None], 1.0, light.gains(normals))
        inks = np.rint(np.minimum(np.array([colors[material] for material in self.materials]) * lit, 255))
        fills = inks.astype(int).tolist()
        # The area that the camera sees of a face, canvas pixels.
        seen = -facing * self.areas * (canvas.camera.scale**2 / place[2] ** 3) > SMALL
        if canvas.camera.scale / place[2] < FINE:
            seen &= ~self.fine
        for index in np.flatnonzero(seen).tolist():
            material = self.materials[index]
            red, green, blue = fills[index]
            outline = pixels[2 * self.starts[index] : 2 * self.starts[index + 1]]
            canvas.draw.polygon(outline, fill=(red, green, blue, owner))
            if canvas.glowing and material in ("tail", "head", "screen"):
                shine = {"tail": (255, 40, 24), "head": (255, 240, 206), "screen": (255, 236, 190)}[material]
                radius, reach = {"tail": (0.11, 0.35), "head": (0.13, 1.0), "screen": (0.2, 0.12)}[material]
                canvas.lamp(centers[index].tolist(), shine, radius, reach, owner)

    def shadow(
        self, canvas: Canvas, light: Light, place: tuple[float, float, float], heading: float, height: float
    ) -> None:
        """Darken the ground below and, in sunshine, beside the solid."""
        cos, sin = float(np.cos(heading)), float(np.sin(heading))
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        corners = np.array([[low[0], low[2]], [low[0], high[2]], [high[0], high[2]], [high[0], low[2]]])
        dx, dz = light.shadow(height)
        foot = np.stack(
            [
                place[0] + corners[:, 0] * cos + corners[:, 1] * sin,
                np.zeros(4),
                place[2] - corners[:, 0] * sin + corners[:, 1] * cos,
            ],
            axis=1,
        )
        if foot[:, 2].min() + min(dz, 0.0) < 1.0:
            dx = dz = 0.0
        if foot[:, 2].min() < 1.0:
            return
        if light.cover < 0.75 and place[2] < 70:
            cast = foot + np.array([dx, 0.0, dz])
            canvas.shade(_hull(np.concatenate([foot, cast])), light.shadow_strength)
        middle = foot.mean(axis=0)
        canvas.shade(middle + (foot - middle) * 1.06, 205)


def _hull(points: np.ndarray) -> np.ndarray:
    """The convex outline, seen from above, of (N, 3) points on the ground (Andrew's monotone chain)."""
    rows = sorted(points.tolist())
    outline: list[list[float]] = []
    for chain in (rows, rows[::-1]):
        start = len(outline)
        for x, y, z in chain:
            while len(outline) - start >= 2:
                (x0, _, z0), (x1, _, z1) = outline[-2:]
                if (x1 - x0) * (z - z0) - (z1 - z0) * (x - x0) > 0:
                    break
                outline.pop()
            outline.append([x, y, z])
        outline.pop()
    return np.array(outline)
