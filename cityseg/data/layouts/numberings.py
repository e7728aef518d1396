"""Known numberings of label images by the words that ``dataset.json`` has for them."""

from __future__ import annotations

from cityseg.classes import CLASS_NAMES, COLORS, IGNORE_INDEX, OFFICIAL, TRAIN_IDS, LabelTable


def _table(names: tuple[str | None, ...], title: str, void: int) -> LabelTable:
    """Return the table of a numbering whose values name these classes, None for void; ``void`` is one value more."""
    train_ids = {value: CLASS_NAMES.index(name) if name else IGNORE_INDEX for value, name in enumerate(names)}
    return LabelTable({**train_ids, void: IGNORE_INDEX}, f"{title} 0 to {len(names) - 1}", "describe other values")


# India Driving Dataset, after the tables of its authors' tools; classes that Cityscapes does not evaluate are void.
_IDD_IDS = (
    *("road", None, None, "sidewalk", None, None, "person", None, "rider", "motorcycle", "bicycle", None),
    *("car", "truck", "bus", None, None, "train", None, None, "wall", "fence", None, None),
    *("traffic sign", "traffic light", "pole", None, None, "building", None, None, "vegetation", "sky"),
    *(None, None, None, None, None, None),
)
_IDD_LEVEL_3 = (
    *("road", None, "sidewalk", None, "person", "rider", "motorcycle", "bicycle", None, "car", "truck", "bus", None),
    *(None, "wall", "fence", None, None, "traffic sign", "traffic light", "pole", None, "building", None),
    *("vegetation", "sky"),
)

NUMBERINGS: dict[str, LabelTable] = {
    "cityscapes-ids": OFFICIAL,
    "cityscapes-train-ids": TRAIN_IDS,
    "cityscapes-colors": COLORS,
    "idd-ids": _table(_IDD_IDS, "the ids of IDD", 255),
    "idd-level3-ids": _table(_IDD_LEVEL_3, "the level 3 ids of IDD", 255),
}
