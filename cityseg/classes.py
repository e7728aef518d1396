"""The official Cityscapes labels, and the only place where ids and train ids meet.

Two numberings exist. *Label ids* (-1 to 33) are what annotation files hold; *train ids* (0 to 18, and
255 for void) are what models are trained and scored on. Everything outside this module speaks train
ids. The table follows ``cityscapesscripts.helpers.labels`` and is tested against it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cityseg.errors import DataError

IGNORE_INDEX = 255
"""Train id of every pixel that is neither trained on nor scored (void)."""


@dataclass(frozen=True, slots=True)
class Label:
    """One official label."""

    name: str  # official name, as written in polygon files
    id: int  # label id, -1 to 33
    train_id: int  # train id, 0 to 18, or `IGNORE_INDEX` for labels that are not evaluated
    category: str  # one of the eight groups
    has_instances: bool  # whether single objects of it are told apart
    color: tuple[int, int, int]  # official colour, (red, green, blue), 0 to 255


_V = IGNORE_INDEX
LABELS: tuple[Label, ...] = (
    Label("unlabeled", 0, _V, "void", False, (0, 0, 0)),
    Label("ego vehicle", 1, _V, "void", False, (0, 0, 0)),
    Label("rectification border", 2, _V, "void", False, (0, 0, 0)),
    Label("out of roi", 3, _V, "void", False, (0, 0, 0)),
    Label("static", 4, _V, "void", False, (0, 0, 0)),
    Label("dynamic", 5, _V, "void", False, (111, 74, 0)),
    Label("ground", 6, _V, "void", False, (81, 0, 81)),
    Label("road", 7, 0, "flat", False, (128, 64, 128)),
    Label("sidewalk", 8, 1, "flat", False, (244, 35, 232)),
    Label("parking", 9, _V, "flat", False, (250, 170, 160)),
    Label("rail track", 10, _V, "flat", False, (230, 150, 140)),
    Label("building", 11, 2, "construction", False, (70, 70, 70)),
    Label("wall", 12, 3, "construction", False, (102, 102, 156)),
    Label("fence", 13, 4, "construction", False, (190, 153, 153)),
    Label("guard rail", 14, _V, "construction", False, (180, 165, 180)),
    Label("bridge", 15, _V, "construction", False, (150, 100, 100)),
    Label("tunnel", 16, _V, "construction", False, (150, 120, 90)),
    Label("pole", 17, 5, "object", False, (153, 153, 153)),
    Label("polegroup", 18, _V, "object", False, (153, 153, 153)),
    Label("traffic light", 19, 6, "object", False, (250, 170, 30)),
    Label("traffic sign", 20, 7, "object", False, (220, 220, 0)),
    Label("vegetation", 21, 8, "nature", False, (107, 142, 35)),
    Label("terrain", 22, 9, "nature", False, (152, 251, 152)),
    Label("sky", 23, 10, "sky", False, (70, 130, 180)),
    Label("person", 24, 11, "human", True, (220, 20, 60)),
    Label("rider", 25, 12, "human", True, (255, 0, 0)),
    Label("car", 26, 13, "vehicle", True, (0, 0, 142)),
    Label("truck", 27, 14, "vehicle", True, (0, 0, 70)),
    Label("bus", 28, 15, "vehicle", True, (0, 60, 100)),
    Label("caravan", 29, _V, "vehicle", True, (0, 0, 90)),
    Label("trailer", 30, _V, "vehicle", True, (0, 0, 110)),
    Label("train", 31, 16, "vehicle", True, (0, 80, 100)),
    Label("motorcycle", 32, 17, "vehicle", True, (0, 0, 230)),
    Label("bicycle", 33, 18, "vehicle", True, (119, 11, 32)),
    Label("license plate", -1, _V, "vehicle", False, (0, 0, 142)),
)

CLASSES: tuple[Label, ...] = tuple(
    sorted((label for label in LABELS if label.train_id != IGNORE_INDEX), key=lambda label: label.train_id)
)
"""The 19 evaluated labels; the position in this tuple is the train id."""

NUM_CLASSES = len(CLASSES)
CLASS_NAMES: tuple[str, ...] = tuple(label.name for label in CLASSES)

CATEGORIES: tuple[str, ...] = tuple(dict.fromkeys(label.category for label in CLASSES))
"""The seven groups that hold evaluated classes."""

CATEGORY_OF_CLASS = np.array([CATEGORIES.index(label.category) for label in CLASSES])
"""(19,) position in ``CATEGORIES`` of each train id's group."""

CATEGORY_OF_TRAIN_ID = np.full(256, IGNORE_INDEX, dtype=np.uint8)
"""(256,) uint8, the same by train id; ``IGNORE_INDEX`` for void and unused values."""
CATEGORY_OF_TRAIN_ID[:NUM_CLASSES] = CATEGORY_OF_CLASS

PALETTE = np.zeros((256, 3), dtype=np.uint8)
"""(256, 3) uint8, official colour of every train id; unused entries and void are black."""
PALETTE[:NUM_CLASSES] = [label.color for label in CLASSES]

_COLOR_BLIND_SAFE = (
    (68, 68, 68),  # road
    (170, 170, 153),  # sidewalk
    (119, 85, 51),  # building
    (153, 119, 102),  # wall
    (204, 187, 153),  # fence
    (221, 221, 221),  # pole
    (255, 176, 0),  # traffic light
    (240, 228, 66),  # traffic sign
    (17, 119, 51),  # vegetation
    (153, 204, 136),  # terrain
    (136, 204, 238),  # sky
    (204, 51, 17),  # person
    (255, 119, 102),  # rider
    (0, 68, 136),  # car
    (51, 34, 136),  # truck
    (0, 119, 187),  # bus
    (0, 153, 136),  # train
    (136, 34, 85),  # motorcycle
    (204, 102, 170),  # bicycle
)
COLOR_BLIND_PALETTE = np.zeros((256, 3), dtype=np.uint8)
"""(256, 3) uint8, an alternative that stays apart in lightness under the common colour deficiencies."""
COLOR_BLIND_PALETTE[:NUM_CLASSES] = _COLOR_BLIND_SAFE

_TRAIN_ID_TO_ID = np.zeros(256, dtype=np.uint8)
for _class in CLASSES:
    _TRAIN_ID_TO_ID[_class.train_id] = _class.id


_UNKNOWN = 254


class LabelTable:
    """The train id of each value in a dataset's label images.

    ``image`` names the expected kind of label image, ``image_hint`` the remedy for another kind.
    """

    colored = False
    """Whether label images hold colours, (H, W) uint32 0xRRGGBB once read, instead of values."""

    def __init__(
        self,
        train_ids: Mapping[int, int],
        expected: str,
        hint: str,
        *,
        image: str = "an 8-bit or 16-bit grey or palette PNG of labels",
        image_hint: str = "store one value per pixel",
    ) -> None:
        """Build the table.

        Args:
            train_ids: train id, or ``IGNORE_INDEX``, of every value that may occur; values are 0 to 65535.
            expected: the valid values in an error message, for example ``label ids 0 to 33``.
            hint: the remedy in that message.
            image: the expected kind of label image in an error message.
            image_hint: the remedy in that message.
        """
        self.image, self.image_hint = image, image_hint
        self._expected, self._hint = expected, hint
        self._known = np.zeros(65536, dtype=bool)
        self._train_ids = np.full(65536, IGNORE_INDEX, dtype=np.uint8)
        for value, train_id in train_ids.items():
            self._known[value] = True
            self._train_ids[value] = train_id
        self._first_unknown = int(np.argmin(self._known))
        two_values = np.arange(65536, dtype=np.uint16).view(np.uint8)
        self._two_train_ids = self._train_ids[two_values].view(np.uint16)

    @property
    def stamp(self) -> str:
        """A digest that changes when a value's meaning changes."""
        return hashlib.sha256(self._known.tobytes() + self._train_ids.tobytes()).hexdigest()

    def to_train_ids(self, values: np.ndarray, source: str = "label map") -> np.ndarray:
        """Map a label image to train ids, ``IGNORE_INDEX`` where the label is not evaluated.

        Args:
            values: (H, W) uint8 or uint16.
            source: name of the image in an error message, usually its path.

        Raises:
            DataError: the array has another type, or holds a value that the table leaves out.
        """
        if values.dtype not in (np.uint8, np.uint16):
            raise DataError(f"{source}: expected 8-bit {self._expected}, found {values.dtype}; convert it to 8 bits")
        # The largest value is found far sooner than all values are counted, and mostly settles it.
        if values.max(initial=0) >= self._first_unknown:
            found = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
            unknown = found[~self._known[found]]
            if unknown.size:
                raise self._unknown(source, [*map(str, unknown)])
        if values.dtype == np.uint8 and values.size % 2 == 0 and values.flags.c_contiguous:
            # Looking up two pixels at a time halves the work, which is all in turning values into positions.
            two = np.take(self._two_train_ids, values.reshape(-1).view(np.uint16))
            return two.view(np.uint8).reshape(values.shape)
        result: np.ndarray = self._train_ids[values]
        return result

    def _unknown(self, source: str, found: Sequence[str], shown: int = 20) -> DataError:
        more = f" and {len(found) - shown} more" if len(found) > shown else ""
        return DataError(f"{source}: expected {self._expected}, found {', '.join(found[:shown])}{more}; {self._hint}")


class ColorTable(LabelTable):
    """The train id of each colour in a dataset's label images."""

    colored = True

    def __init__(self, train_ids: Mapping[tuple[int, int, int], int], expected: str, hint: str) -> None:
        """Build the table; ``train_ids`` holds every (red, green, blue) that may occur, 0 to 255 each."""
        super().__init__({}, expected, hint, image="a PNG of label colours", image_hint="save it as 8-bit RGB")
        self._of_color = {red << 16 | green << 8 | blue: value for (red, green, blue), value in train_ids.items()}

    @property
    def stamp(self) -> str:
        """A digest that changes when a colour's meaning changes."""
        return hashlib.sha256(f"colours {sorted(self._of_color.items())}".encode()).hexdigest()

    @cached_property
    def _by_color(self) -> np.ndarray:
        table = np.full(1 << 24, _UNKNOWN, dtype=np.uint8)
        table[[*self._of_color]] = [*self._of_color.values()]
        return table

    def to_train_ids(self, values: np.ndarray, source: str = "label map") -> np.ndarray:
        """Map (H, W) uint32 colours, 0xRRGGBB, to train ids, ``IGNORE_INDEX`` where the label is not evaluated.

        Raises:
            DataError: the image holds a colour that the table leaves out.
        """
        train_ids: np.ndarray = self._by_color[values]
        missing = train_ids == _UNKNOWN
        if missing.any():
            raise self._unknown(source, [f"#{color:06x}" for color in np.unique(values[missing])])
        return train_ids


# Files are unsigned bytes, so the licence plate's -1 is stored as 255.
OFFICIAL = LabelTable(
    {label.id % 256: label.train_id for label in LABELS},
    "label ids 0 to 33",
    "use the *_gtFine_labelIds.png files, not train ids or colours",
    image="an 8-bit image of label ids",
    image_hint="use the *_gtFine_labelIds.png files",
)
"""The table of ``*_gtFine_labelIds.png`` files."""

TRAIN_IDS = LabelTable(
    {**{label.train_id: label.train_id for label in CLASSES}, IGNORE_INDEX: IGNORE_INDEX},
    "train ids 0 to 18, and 255 for void",
    "use the *_gtFine_labelIds.png files",
    image="an 8-bit image of train ids",
    image_hint="use the *_gtFine_labelIds.png files",
)
"""The table of ``*_gtFine_labelTrainIds.png`` files."""

# Two evaluated labels share their colour with one that is not: pole with polegroup, car with licence plate.
COLORS = ColorTable(
    {label.color: label.train_id for label in sorted(LABELS, key=lambda label: -label.train_id)},
    "the official colours",
    "use the *_gtFine_labelIds.png files",
)
"""The table of ``*_gtFine_color.png`` files."""


def to_train_ids(label_ids: np.ndarray, source: str = "label map") -> np.ndarray:
    """Map (H, W) uint8 official label ids to train ids; -1 (licence plate) is stored as 255. See ``LabelTable``."""
    return OFFICIAL.to_train_ids(label_ids, source)


def to_label_ids(train_ids: np.ndarray) -> np.ndarray:
    """Map (H, W) uint8 train ids to official label ids; void and unused values become 0 (unlabeled)."""
    result: np.ndarray = _TRAIN_ID_TO_ID[train_ids]
    return result


def to_color(train_ids: np.ndarray, palette: np.ndarray = PALETTE) -> np.ndarray:
    """Colour (H, W) uint8 train ids as (H, W, 3) uint8 with a (256, 3) palette."""
    return palette.take(train_ids, axis=0)
