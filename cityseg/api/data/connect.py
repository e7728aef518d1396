"""Connect a dataset and describe it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cityseg.data.dataset import SPLITS, Dataset, DatasetKind, Split, default_data
from cityseg.data.frame_io import read_photo
from cityseg.data.layouts import detect
from cityseg.data.synthetic import GENERATOR_VERSION, rendered_version
from cityseg.data.synthetic import synthesize as render_set
from cityseg.errors import DataError, UsageError
from cityseg.files import writing
from cityseg.progress import OnProgress
from cityseg.text import home_expanded

SYNTHETIC_FOLDER = Path("data/synthetic")
SYNTHETIC_FRAMES = 160
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


@dataclass(frozen=True)
class DataInfo:
    """Summary of a connected dataset."""

    spec: str  # the folder, or ``synthetic``; valid as ``--data``
    name: str
    kind: DatasetKind  # ``cityscapes``, ``synthetic``, or ``described`` for a folder with a ``dataset.json``
    frames: dict[Split, int]  # number of frames by split
    cities: dict[Split, tuple[str, ...]]  # sorted names of the cities by split
    native_size: tuple[int, int]  # (height, width) of the first frame on disk
    notes: tuple[str, ...] = ()  # what was read instead of the usual files

    @property
    def description(self) -> str:
        """Name and frame size, for model cards."""
        return f"{self.name} at {self.native_size[0]}x{self.native_size[1]}"

    @property
    def is_squashed(self) -> bool:
        """Whether the files hold Cityscapes frames, which are 2:1, at a square size."""
        return self.kind == "cityscapes" and self.native_size[0] == self.native_size[1]


def connect(data: str | Dataset | None = None, on_progress: OnProgress | None = None) -> Dataset:
    """Open a dataset: a folder or zip in one of the layouts of ``docs/datasets.md``, or the word ``synthetic``.

    An open dataset is returned as it is, so that every verb takes either. The synthetic dataset is rendered on first
    use and again whenever the generator changes; ``on_progress`` reports that. Unusable frames are listed in
    ``Dataset.problems``.

    Raises:
        UsageError: the folder does not exist, or its layout is unknown.
        DataError: no frames, an invalid ``dataset.json``, or an unreadable archive.
    """
    if isinstance(data, Dataset):
        return data
    spec = data or default_data()
    if spec != "synthetic":
        return detect.open_folder(given_path(spec))
    if not synthetic_is_rendered():
        _render_synthetic(on_progress)
    return detect.open_folder(SYNTHETIC_FOLDER, "synthetic", "synthetic streets")


def given_path(spec: str, what: str = "a dataset") -> Path:
    """Return the path of ``what`` as it is meant.

    Quotes, ``file://`` and outer spaces are removed; ``~`` and variables are filled in.

    A path that exists as it is written is returned unchanged.

    Raises:
        UsageError: no path, an impossible one, a variable that is not set, or a user without a home.
    """
    if not spec.isprintable():
        raise UsageError(f"expected the path of {what}, found {spec!a}, which has unprintable characters")
    literal = Path(spec)
    if _exists(literal):
        return literal
    meant = spec.strip().strip(_QUOTES).strip()
    if meant.lower().startswith("file://"):
        meant = unquote(urlsplit(meant).path)
    user = meant.partition("/")[0]
    if user.startswith("~") and not _exists(home_expanded(user)):
        raise UsageError(f"{spec}: expected a path, found {user}, a user without a home; write the path")
    meant = str(home_expanded(os.path.expandvars(meant))) if meant else ""
    if not meant:
        raise UsageError(
            f"expected the path of {what}, found {spec!r}; "
            f"{'name a folder, or synthetic' if what == 'a dataset' else 'name a file'}"
        )
    path = Path(meant)
    if not _exists(path):
        if unset := re.search(r"\$(\w+|\{\w+\})", meant):
            raise UsageError(
                f"{spec}: expected a path, found the variable {unset[0]}, which is not set; write the path"
            )
        if meant.lower() == "synthetic":
            raise UsageError(f"{spec!r}: expected a folder or synthetic, found neither; did you mean synthetic?")
        slashes = Path(meant.replace("\\", "/"))
        if _exists(slashes):
            return slashes
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def synthetic_is_rendered() -> bool:
    """Whether the current generator has rendered the synthetic dataset, so that it opens at once."""
    return SYNTHETIC_FOLDER.is_dir() and rendered_version(SYNTHETIC_FOLDER) in (None, GENERATOR_VERSION)


def _render_synthetic(on_progress: OnProgress | None) -> None:
    try:
        with writing(SYNTHETIC_FOLDER):
            render_set(SYNTHETIC_FOLDER, frames=SYNTHETIC_FRAMES, on_progress=on_progress, replace=True)
    except (UsageError, DataError):
        # Another process may have finished the same dataset in the meantime; its bytes are identical.
        if not synthetic_is_rendered():
            raise


def data_info(data: str | Dataset | None = None, on_progress: OnProgress | None = None) -> DataInfo:
    """Describe a dataset from its file listing and its first photo.

    Raises:
        UsageError, DataError: as raised by ``connect``; also if no frame is usable or the first photo is damaged.
    """
    dataset = connect(data, on_progress)
    first = dataset.frames(next(iter(splits_with_frames(dataset)), "train"))[0]
    photo = read_photo(first.photo)
    if isinstance(data, Dataset):
        spec = "synthetic" if data.kind == "synthetic" else str(data.root)
    else:
        spec = data or default_data()
    return DataInfo(
        spec=spec,
        name=dataset.name,
        kind=dataset.kind,
        frames={split: len(dataset.splits[split]) for split in SPLITS},
        cities={split: tuple(sorted({frame.city for frame in dataset.splits[split]})) for split in SPLITS},
        native_size=(photo.shape[0], photo.shape[1]),
        notes=dataset.notes,
    )


def splits_with_frames(dataset: Dataset) -> tuple[Split, ...]:
    """Return the splits that are not empty."""
    return tuple(split for split in SPLITS if dataset.splits[split])
