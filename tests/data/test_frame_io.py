from __future__ import annotations

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official
from PIL import Image

from cityseg.data.frame_io import read_label, read_photo, resize_label, resize_photo
from cityseg.data.image_io import KINDS
from cityseg.data.layouts import detect
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.errors import DataError

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.integers(0, 256, (12, 20, 3), dtype=np.uint8)
LABEL = RANDOM.integers(0, 34, (12, 20), dtype=np.uint8)


def stored(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return SourceFile(path, path.name)


def test_photos_are_rgb(tmp_path):
    np.testing.assert_array_equal(read_photo(stored(tmp_path / "a.png", PHOTO)), PHOTO)
    grey = read_photo(stored(tmp_path / "grey.png", PHOTO[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(PHOTO[..., :1], 3, axis=2))


def test_labels_become_train_ids(tmp_path):
    mapped = {label.id: 255 if label.ignoreInEval else label.trainId for label in official}
    train_ids = read_label(stored(tmp_path / "label.png", LABEL), (12, 20))
    assert train_ids.dtype == np.uint8
    np.testing.assert_array_equal(train_ids, np.vectorize(mapped.get)(LABEL))


def test_real_labels_equal_the_official_mapping(cityscapes_fullres):
    table = np.full(256, 255, np.uint8)
    for label in official:
        if label.id >= 0 and not label.ignoreInEval:
            table[label.id] = label.trainId
    dataset = detect.open_folder(cityscapes_fullres)
    for frame in dataset.frames("train") + dataset.frames("val"):
        train_ids = read_label(frame.label, (1024, 2048))
        with Image.open(frame.label.path) as image:
            np.testing.assert_array_equal(train_ids, table[np.asarray(image)])
        assert len(np.unique(train_ids)) > 5


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "expected a file, found none"),
        (b"no image at all", f"expected a photo ({KINDS}), found another kind of file"),
        (b"", "expected a photo, found an empty file"),
    ],
)
def test_files_that_are_not_photos_are_rejected(tmp_path, content, sentence):
    path = tmp_path / "berlin_leftImg8bit.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_photo(SourceFile(path, path.name))
    assert str(refused.value) == f"{path}: {sentence}"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_files_are_rejected(tmp_path, share):
    whole = stored(tmp_path / "a.png", PHOTO).read()
    path = tmp_path / "torn.png"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError) as refused:
        read_photo(SourceFile(path, path.name))
    assert str(refused.value).startswith(f"{path}: expected a whole photo, found a damaged one (")
    assert str(refused.value).endswith("); copy it again")
    with pytest.raises(DataError, match=r"found mode RGB|expected a whole label"):
        read_label(SourceFile(path, path.name), (12, 20))


def test_labels_of_another_size_are_rejected(tmp_path):
    path = stored(tmp_path / "label.png", LABEL)
    with pytest.raises(DataError) as refused:
        read_label(path, (24, 40))
    assert str(refused.value) == (
        f"{path}: expected the photo's size 24x40, found 12x20; both must show the same frame"
    )


def test_unknown_ids_are_reported_with_the_path(tmp_path):
    path = stored(tmp_path / "label.png", np.full((12, 20), 99, np.uint8))
    with pytest.raises(DataError) as refused:
        read_label(path, (12, 20))
    assert str(refused.value) == (
        f"{path}: expected label ids 0 to 33, found 99; use the *_gtFine_labelIds.png files, not train ids or colours"
    )


def test_missing_label_is_reported(tmp_path):
    with pytest.raises(DataError) as refused:
        read_label(SourceFile(tmp_path / "label.png", "label.png"), (12, 20))
    assert str(refused.value) == f"{tmp_path / 'label.png'}: expected a file, found none"


def test_shrinking_a_photo_averages_areas():
    blocks = PHOTO.reshape(3, 4, 5, 4, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(resize_photo(PHOTO, (3, 5)) - blocks).max() <= 0.5


def test_enlarging_a_photo_is_bilinear():
    large = resize_photo(PHOTO, (24, 40))
    np.testing.assert_array_equal(large, np.asarray(Image.fromarray(PHOTO).resize((40, 24), Image.Resampling.BILINEAR)))


@pytest.mark.parametrize("given", [(64, 96), (63, 95), (66, 90), (128, 7)])
@pytest.mark.parametrize("wanted", [(32, 48), (16, 12), (20, 30), (21, 19), (8, 96), (64, 48), (63, 95), (1, 1)])
def test_shrinking_is_the_box_filter_within_a_grey_level(given, wanted):
    photo = RANDOM.integers(0, 256, (*given, 3), dtype=np.uint8)
    photo[: given[0] // 2, : given[1] // 2] //= 128
    pillow = np.asarray(Image.fromarray(photo).resize(wanted[::-1], Image.Resampling.BOX))
    # Pillow rounds after columns and again after rows.
    assert np.abs(resize_photo(photo, wanted).astype(int) - pillow).max() <= 1


@pytest.mark.parametrize("size", [(3, 5), (6, 7), (24, 40), (5, 41), (4, 10), (12, 4), (6, 20), (1, 1)])
def test_labels_take_the_nearest_pixel(size):
    rows, columns = (
        np.floor((np.arange(wanted) + 0.5) * given / wanted).astype(int)
        for wanted, given in zip(size, LABEL.shape, strict=True)
    )
    np.testing.assert_array_equal(resize_label(LABEL, size), LABEL[np.ix_(rows, columns)])


def test_same_size_returns_the_input():
    np.testing.assert_array_equal(resize_photo(PHOTO, (12, 20)), PHOTO)
    np.testing.assert_array_equal(resize_label(LABEL, (12, 20)), LABEL)
