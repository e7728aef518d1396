from __future__ import annotations

import numpy as np
import pytest
from cityscapesscripts.helpers import labels as official

from cityseg import classes
from cityseg.errors import DataError


def test_all_35_labels_are_the_official_ones():
    assert len(classes.LABELS) == len(official.labels) == 35
    for ours, theirs in zip(classes.LABELS, official.labels, strict=True):
        expected = 255 if theirs.ignoreInEval else theirs.trainId
        assert (ours.name, ours.id, ours.train_id, ours.category, ours.has_instances, ours.color) == (
            theirs.name,
            theirs.id,
            expected,
            theirs.category,
            theirs.hasInstances,
            theirs.color,
        )


def test_classes_follow_the_official_train_ids():
    assert classes.NUM_CLASSES == 19
    for train_id, label in enumerate(classes.CLASSES):
        assert official.trainId2label[train_id].name == label.name == classes.CLASS_NAMES[train_id]
        assert classes.CATEGORIES[classes.CATEGORY_OF_CLASS[train_id]] == official.trainId2label[train_id].category
    assert classes.CLASS_NAMES[18] == "bicycle"
    assert len(classes.CATEGORIES) == 7


def test_every_label_id_maps_to_its_train_id_and_back():
    ids = np.array([[label.id % 256 for label in official.labels]], dtype=np.uint8)
    train_ids = classes.to_train_ids(ids)
    assert train_ids.dtype == np.uint8
    for label, train_id in zip(official.labels, train_ids[0], strict=True):
        assert train_id == (255 if label.ignoreInEval else label.trainId)
    back = classes.to_label_ids(train_ids)
    for label, label_id in zip(official.labels, back[0], strict=True):
        assert label_id == (0 if label.ignoreInEval else label.id)


def test_ids_that_no_label_has_are_refused():
    image = np.array([[7, 34], [26, 200]], dtype=np.uint8)
    with pytest.raises(DataError) as refused:
        classes.to_train_ids(image, "berlin.png")
    assert str(refused.value) == (
        "berlin.png: expected label ids 0 to 33, found 34, 200; "
        "use the *_gtFine_labelIds.png files, not train ids or colours"
    )


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_label_ids_of_another_type_are_refused(dtype):
    with pytest.raises(DataError) as refused:
        classes.to_train_ids(np.zeros((2, 2), dtype), "berlin.png")
    assert str(refused.value) == f"berlin.png: expected 8-bit label ids 0 to 33, found {dtype}; convert it to 8 bits"


def test_a_table_of_ones_own():
    table = classes.LabelTable({0: 10, 7: 255, 40000: 13}, "values 0, 7, 40000", "map them")
    values = np.array([[0, 7], [40000, 0]])
    assert table.to_train_ids(values.astype(np.uint16)).tolist() == [[10, 255], [13, 10]]
    assert table.to_train_ids(values[:1].astype(np.uint8)).dtype == np.uint8
    with pytest.raises(DataError) as refused:
        table.to_train_ids(np.arange(1, 30, dtype=np.uint16)[None], "own.png")
    assert str(refused.value) == (
        "own.png: expected values 0, 7, 40000, found 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, "
        "20, 21 and 8 more; map them"
    )
    with pytest.raises(DataError, match="found int32"):
        table.to_train_ids(values.astype(np.int32))


def test_a_stamp_tells_what_values_mean_and_nothing_else():
    def stamp(train_ids):
        return classes.LabelTable(train_ids, "", "").stamp

    assert stamp({1: 2, 3: 255}) == stamp({3: 255, 1: 2})
    assert len({stamp({1: 2}), stamp({1: 3}), stamp({1: 2, 3: 255}), stamp({2: 2})}) == 4


def test_the_official_palette():
    assert classes.PALETTE.shape == (256, 3)
    for train_id in range(19):
        assert tuple(classes.PALETTE[train_id]) == official.trainId2label[train_id].color
    assert not classes.PALETTE[19:].any()
    colored = classes.to_color(np.array([[13, 255]], np.uint8))
    assert colored.dtype == np.uint8
    assert colored.tolist() == [[[0, 0, 142], [0, 0, 0]]]


def test_the_color_blind_palette_tells_all_classes_apart():
    palette = classes.COLOR_BLIND_PALETTE
    assert len({tuple(color) for color in palette[:19].tolist()}) == 19
    assert not palette[19:].any()
    ids = np.arange(19, dtype=np.uint8)[None]
    np.testing.assert_array_equal(classes.to_color(ids, palette)[0], palette[:19])
