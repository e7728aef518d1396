"""Exports in the manner of Pascal VOC, as labelme and CVAT write them, whose classes are Cityscapes classes."""

from __future__ import annotations

from pathlib import Path

from cityseg.data.dataset import SPLITS, Dataset
from cityseg.data.layouts.custom import open_described
from cityseg.data.layouts.dataset_json import DatasetJson
from cityseg.data.layouts.file_tree import FileTree
from cityseg.errors import UsageError

PHOTO_FOLDER = "JPEGImages"
_CLASSES = ("labelmap.txt", "class_names.txt")
_LISTS = "ImageSets/Segmentation"


def open_voc(root: Path, tree: FileTree, name: str) -> Dataset | None:
    """List the frames of an export with ``JPEGImages/`` and ``SegmentationClass/``; None if it is none.

    Raises:
        UsageError: it has no list of classes, or no lists of train and val frames.
        DataError: a class is no Cityscapes class, or as raised by ``open_described``.
    """
    labels = [folder for folder in ("SegmentationClassPNG", "SegmentationClass") if tree.folder(folder) is not None]
    if tree.folder(PHOTO_FOLDER) is None or not labels:
        return None
    classes = next((file for file in map(tree.find, _CLASSES) if file is not None), None)
    lists = {split: f"{_LISTS}/{split}.txt" for split in SPLITS if tree.find(f"{_LISTS}/{split}.txt") is not None}
    if classes is None or not {"train", "val"} <= lists.keys():
        what = f"{_LISTS}/train.txt and val.txt" if classes is not None else " or ".join(_CLASSES)
        ids = f'"{classes.name}"' if classes is not None else "{...}"
        shares = '"splits": {"train": 0.8, "val": 0.2}'
        raise UsageError(
            f"{root}: expected {what} in an export with {PHOTO_FOLDER}/ and {labels[0]}/, found none; write a "
            f'dataset.json such as {{"name": "{name}", "train_ids": {ids}, {shares}}}'
        )
    settings = DatasetJson.model_validate({"name": name, "train_ids": classes.name, "splits": lists})
    return open_described(root, tree, settings, classes)
