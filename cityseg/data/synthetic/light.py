"""Where the sun stands and how bright a surface is under it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.data.synthetic.camera import stream


@dataclass(frozen=True, slots=True)
class Light:
    """Sun and sky.

    Attributes:
        sun: unit vector towards the sun (x right, y up, z ahead).
        ambient: share of light that comes from the whole sky, 0 to 1.
        warmth: colour shift of direct light, 0 (white) to 1 (evening).
        cover: cloud cover, 0 to 1; decides how hard the shadows are.
    """

    sun: tuple[float, float, float]
    ambient: float
    warmth: float
    cover: float

    def gain(self, normal: tuple[float, float, float]) -> tuple[float, float, float]:
        """Brightness factors (red, green, blue) of a surface with this unit normal."""
        facing = max(0.0, self.sun[0] * normal[0] + self.sun[1] * normal[1] + self.sun[2] * normal[2])
        from_sky = self.ambient * (0.82 + 0.18 * normal[1])
        direct = (1 - self.ambient) * 1.45 * facing
        return (
            from_sky * 0.97 + direct * (1 + 0.10 * self.warmth),
            from_sky * 0.99 + direct,
            from_sky * 1.05 + direct * (1 - 0.18 * self.warmth),
        )

    def gains(self, normals: np.ndarray) -> np.ndarray:
        """(N, 3) unit normals to (N, 3) brightness factors."""
        facing = np.maximum(0.0, normals @ np.array(self.sun))
        from_sky = self.ambient * (0.82 + 0.18 * normals[:, 1])
        direct = (1 - self.ambient) * 1.45 * facing
        warm = np.array([1 + 0.10 * self.warmth, 1.0, 1 - 0.18 * self.warmth])
        result: np.ndarray = from_sky[:, None] * np.array([0.97, 0.99, 1.05]) + direct[:, None] * warm
        return result

    def shadow(self, height: float) -> tuple[float, float]:
        """How far (x, z), metres, the shadow of a point ``height`` metres up falls from its foot."""
        return -self.sun[0] / self.sun[1] * height, -self.sun[2] / self.sun[1] * height

    @property
    def shadow_strength(self) -> int:
        """How dark a cast shadow is, 0 to 255."""
        return round(150 * (1 - self.cover) + 18)


def draw_light(seed: int) -> Light:
    """A daytime light for this seed: sunny, hazy or overcast."""
    rng = stream(seed, 2)
    cover = float(rng.beta(1.2, 1.5))
    around = float(rng.uniform(0, 2 * np.pi))
    up = float(rng.uniform(0.5, 1.15))
    sun = (np.cos(up) * np.sin(around), np.sin(up), np.cos(up) * np.cos(around))
    return Light(
        sun=(float(sun[0]), float(sun[1]), float(sun[2])),
        ambient=0.66 + 0.26 * cover,
        warmth=float(rng.uniform(0, 1)) * (1 - cover),
        cover=cover,
    )
