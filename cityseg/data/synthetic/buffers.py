"""What lies behind every pixel of a photo: owner, label, distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.data.synthetic.canvas import LABEL_ID, Canvas


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

    @property
    def sky(self) -> np.ndarray:
        """(H, W) bool."""
        seen: np.ndarray = self.labels == LABEL_ID["sky"]
        return seen

    @property
    def depth(self) -> np.ndarray:
        """(H, W) float32 metres, at most 300."""
        metres: np.ndarray = 1 / np.maximum(self.nearness, np.float32(1 / 300))
        return metres


def gather(canvas: Canvas) -> Buffers:
    """Read owners off the canvas and work out what is how far away."""
    camera = canvas.camera
    step = camera.oversampling
    owners = np.ascontiguousarray(np.asarray(canvas.image.getchannel("A"))[::step, ::step])
    height, width = camera.size
    focal = camera.focal * height
    ray_x = ((np.arange(width) + 0.5 - width / 2) / focal).astype(np.float32)
    ray_y = ((np.arange(height) + 0.5 - camera.horizon * height) / focal).astype(np.float32)
    across, down, straight = (np.ascontiguousarray(part) for part in np.array(canvas.planes, dtype=np.float32).T)
    nearness = across.take(owners)
    nearness *= ray_x
    nearness += straight.take(owners)
    sloped = down.take(owners)
    sloped *= ray_y[:, None]
    nearness += sloped
    np.minimum(np.maximum(nearness, 0, out=nearness), 1, out=nearness)
    labels = np.array(canvas.label_ids, dtype=np.uint8).take(owners)
    return Buffers(owners, labels, nearness, (down > 0).take(owners), ray_x, ray_y)
