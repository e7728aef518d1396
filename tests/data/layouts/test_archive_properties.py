"""Property test: bytes named as the official archives are listed and read, or refused with one of our errors."""

from __future__ import annotations

import contextlib
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg.data.layouts.detect import open_folder
from cityseg.errors import CitysegError

pytestmark = pytest.mark.parser

NAMES = {
    "leftImg8bit": ["leftImg8bit/train/a/a_000000_000019_leftImg8bit.png", "x/leftImg8bit/val/b/b_leftImg8bit.png"],
    "gtFine": [
        "gtFine/train/a/a_000000_000019_gtFine_labelIds.png",
        "../gtFine/c.png",
        "/gtFine/d.png",
        "gtFine\\e.png",
    ],
}


def packed(names: list[str], content: bytes) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return stored.getvalue()


@given(
    st.data(),
    st.binary(max_size=40),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    st.sampled_from([0, 0, 1, 20, 60]),
)
def test_any_archives_are_listed_and_read_or_refused(tmp_path_factory, data, content, changes, cut):
    """Bytes of good archives are changed, or their ends cut off."""
    folder = tmp_path_factory.mktemp("archives")  # a folder of its own: archives stay open, by path
    for part, known in NAMES.items():
        names = data.draw(st.lists(st.sampled_from(known), max_size=2, unique=True))
        damaged = bytearray(packed(names, content))
        for place, value in changes:
            damaged[int(place * len(damaged))] = value
        (folder / f"{part}_trainvaltest.zip").write_bytes(damaged[: len(damaged) - cut])
    with contextlib.suppress(CitysegError):
        dataset = open_folder(folder)
        for frames in dataset.splits.values():
            for frame in frames:
                for file in (frame.photo, frame.label):
                    with contextlib.suppress(CitysegError):
                        file.read()
