"""The preview of augmentation, against the stored files mirrored and reduced by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.classes import LABELS
from cityseg.config import ExperimentConfig
from cityseg.errors import UsageError

PLAIN = {"flip": False, "half_size_epochs": 0}


@pytest.fixture
def frame(streets: Path) -> str:
    return api.connect(str(streets)).splits["train"][2].name


def stored(streets: Path, name: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Read photo and train ids with PIL and numpy alone; the photo's blocks are averaged, halves rounded up."""
    with Image.open(next(streets.glob(f"leftImg8bit/*/*/{name}_leftImg8bit.png"))) as image:
        native = np.asarray(image.convert("RGB"))
    rows, columns = native.shape[0] // size[0], native.shape[1] // size[1]
    means = native.reshape(size[0], rows, size[1], columns, 3).mean((1, 3))
    photo = np.floor(means + 0.5).astype(np.uint8)
    with Image.open(next(streets.glob(f"gtFine/*/*/{name}_gtFine_labelIds.png"))) as image:
        ids = np.asarray(image)
    table = {label.id: label.train_id for label in LABELS}
    train_ids = np.vectorize(table.get)(ids).astype(np.uint8)
    return photo, np.asarray(Image.fromarray(train_ids).resize(size[::-1], Image.Resampling.NEAREST))


def test_without_randomness_every_view_is_the_stored_frame_reduced(
    streets: Path, frame: str, tiny: Callable[..., ExperimentConfig]
) -> None:
    views = api.augmented_views(str(streets), "train", frame, tiny(**PLAIN), draws=3)
    photo, train_ids = stored(streets, frame, (32, 64))
    assert [view.epoch for view in views] == [1, 2, 3]
    for view in views:
        np.testing.assert_array_equal(view.photo, photo)
        np.testing.assert_array_equal(view.train_ids, train_ids)


def test_flips_mirror_photo_and_labels_together(
    streets: Path, frame: str, tiny: Callable[..., ExperimentConfig]
) -> None:
    views = api.augmented_views(str(streets), "train", frame, tiny(flip=True, half_size_epochs=0), draws=16)
    photo, train_ids = stored(streets, frame, (32, 64))
    mirrored = [bool((view.photo != photo).any()) for view in views]
    assert {*mirrored} == {True, False}
    for view, flipped in zip(views, mirrored, strict=True):
        np.testing.assert_array_equal(view.photo, photo[:, ::-1] if flipped else photo)
        np.testing.assert_array_equal(view.train_ids, train_ids[:, ::-1] if flipped else train_ids)


def test_half_size_epochs_have_half_size_views(
    streets: Path, frame: str, tiny: Callable[..., ExperimentConfig]
) -> None:
    config = tiny(flip=False, epochs=4, half_size_epochs=2)
    views = api.augmented_views(str(streets), "train", frame, config, draws=4)
    assert [(view.epoch, view.photo.shape[:2]) for view in views] == [
        (1, (16, 32)),
        (2, (16, 32)),
        (3, (32, 64)),
        (4, (32, 64)),
    ]
    photo, _ = stored(streets, frame, (32, 64))
    halved = photo.reshape(16, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(views[0].photo - halved).max() <= 0.5
    assert views[0].train_ids.shape == (16, 32)


def test_each_other_augmentation_changes_the_view(
    streets: Path, frame: str, tiny: Callable[..., ExperimentConfig]
) -> None:
    def means(**changes: float) -> list[float]:
        views = api.augmented_views(str(streets), "train", frame, tiny(**PLAIN, **changes), draws=6, seed=3)
        return [float(view.photo.mean()) for view in views]

    assert np.ptp(means()) == 0
    assert np.ptp(means(brightness=0.5)) > 10


def test_a_mixed_in_rectangle_comes_from_the_next_frame(
    streets: Path, frame: str, tiny: Callable[..., ExperimentConfig]
) -> None:
    views = api.augmented_views(str(streets), "train", frame, tiny(**PLAIN, cutmix=1.0), draws=6)
    names = [one.name for one in api.connect(str(streets)).splits["train"]]
    own, _ = stored(streets, frame, (32, 64))
    other, _ = stored(streets, names[names.index(frame) + 1], (32, 64))
    for view in views:
        assert ((view.photo == own).all(2) | (view.photo == other).all(2)).all()
    assert any((view.photo != own).any() for view in views)


def test_same_seed_gives_same_views(streets: Path, frame: str, tiny: Callable[..., ExperimentConfig]) -> None:
    config = tiny(brightness=0.4, half_size_epochs=0)
    first, again, other = (
        [view.photo for view in api.augmented_views(str(streets), "train", frame, config, draws=4, seed=seed)]
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_an_unknown_frame_is_refused(streets: Path, tiny: Callable[..., ExperimentConfig]) -> None:
    with pytest.raises(UsageError, match="unknown frame 'nowhere': the val split of the connected data holds no such"):
        api.augmented_views(str(streets), "val", "nowhere", tiny())
