"""A dataset that a test may change, a folder of caches, and an independent preparation."""

from __future__ import annotations

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official
from PIL import Image

from cityseg.data.dataset import Frame

SIZE = (32, 64)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


def caches(root):
    """The contents of the folder of caches, finished or not."""
    return sorted(path.name for path in root.glob("[!.]*"))


def block_means(photo, size):
    """The mean of each block of pixels, halves rounded up."""
    rows, columns = photo.shape[0] // size[0], photo.shape[1] // size[1]
    sums = photo.reshape(size[0], rows, size[1], columns, 3).sum(axis=(1, 3), dtype=np.int64)
    return (2 * sums + rows * columns) // (2 * rows * columns)


def directly(frame: Frame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Photo and train ids by PIL and the official table alone."""
    table = np.full(256, 255, np.uint8)
    for label in official:
        if not label.ignoreInEval:
            table[label.id] = label.trainId
    with Image.open(frame.photo.path) as photo, Image.open(frame.label.path) as label:
        train_ids = Image.fromarray(table[np.asarray(label)])
        return (
            block_means(np.asarray(photo), size),
            np.asarray(train_ids.resize(size[::-1], Image.Resampling.NEAREST)),
        )
