"""Find train ids in files that are named as label ids."""

from __future__ import annotations

from contextlib import closing

from cityseg.classes import OFFICIAL
from cityseg.data.dataset import Dataset, Frame, Split
from cityseg.data.frame_io import read_values
from cityseg.data.prepared.parallel import on_all_cores
from cityseg.errors import DataError

_LARGEST_TRAIN_ID, _VOID = 18, 255


def train_ids_warning(dataset: Dataset, split: Split) -> str:
    """Return a warning if a whole split of label ids holds no value above 18 but 255, as train ids do; else "".

    Read as label ids, train ids pass every other check: car (13) becomes fence and person (11) building. Reading ends
    at the first larger value, mostly in the first label. Labels that cannot be read are left out.
    """
    frames = dataset.splits[split]
    if dataset.table.stamp != OFFICIAL.stamp or not frames:
        return ""
    seen = 0
    with closing(on_all_cores(_has_larger, frames)) as results:
        for larger in results:
            if larger:
                return ""
            seen += larger is not None
    if not seen:
        return ""
    return (
        f"{frames[0].label.path}: expected label ids 0 to 33, found no value above {_LARGEST_TRAIN_ID} but {_VOID} in "
        f"the {seen:,} labels of {split}, as in train ids; use the official *_gtFine_labelIds.png files, or end the "
        "names in _labelTrainIds.png if these are train ids"
    )


def _has_larger(frame: Frame) -> bool | None:
    """Whether a label holds a value that is not a train id; None if it cannot be read."""
    try:
        values = read_values(frame.label)
    except DataError:
        return None
    largest = values.max(initial=0)
    if largest == _VOID:
        return bool(((values > _LARGEST_TRAIN_ID) & (values != _VOID)).any())
    return bool(largest > _LARGEST_TRAIN_ID)
