"""Datasets in other layouts: synthetic scenes as official archives, and a small custom dataset."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TRAIN_IDS = {"0": "sky", "1": "building", "2": 0, "3": None}
VALUES_TO_TRAIN_IDS = np.array([10, 2, 0, 255], np.uint8)
"""What ``TRAIN_IDS`` says, as an array to index."""


@pytest.fixture
def archives(streets: Path, tmp_path: Path) -> Path:
    """Synthetic scenes as the two official archives: photos stored, labels deflated."""
    root = tmp_path / "archives"
    root.mkdir()
    for part, method in (("leftImg8bit", zipfile.ZIP_STORED), ("gtFine", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(root / f"{part}_trainvaltest.zip", "w", method) as archive:
            for path in sorted((streets / part).rglob("*")):
                archive.write(path, path.relative_to(streets))
    return root


@pytest.fixture
def described(tmp_path: Path) -> Callable[..., Path]:
    """Make a set of eight frames in two sequences, at 6x10, with a ``dataset.json``.

    Names are ``a/0`` to ``a/3`` and ``b/4`` to ``b/7``; keywords replace or, as None, remove keys of the JSON.
    """

    def make(**changes: object) -> Path:
        root = tmp_path / "own"
        random = np.random.default_rng(5)
        for index in range(8):
            name = f"{'ab'[index // 4]}/{index}"
            for folder in ("images", "labels"):
                (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
            photo = random.integers(0, 256, (6, 10, 3), dtype=np.uint8)
            Image.fromarray(photo).save(root / "images" / f"{name}.png")
            Image.fromarray(random.integers(0, 4, (6, 10), dtype=np.uint8)).save(root / "labels" / f"{name}.png")
        description = {
            "name": "Own streets",
            "train_ids": TRAIN_IDS,
            "splits": {"train": ["a/*"], "val": ["4", "b/5.png"], "test": ["[67]"]},
            **changes,
        }
        kept = {key: value for key, value in description.items() if value is not None}
        (root / "dataset.json").write_text(json.dumps(kept), encoding="utf-8")
        return root

    return make


@pytest.fixture
def copy(streets, tmp_path):
    """A copy of the synthetic dataset that a test may change."""
    return shutil.copytree(streets, tmp_path / "copy")
