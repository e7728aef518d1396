"""Lists of names in text files, as people and tools write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg.data.layouts import detect
from cityseg.data.layouts.frame_selection import FrameSelection
from cityseg.errors import DataError

from .layout_files import label, names, pack, photo

WRITTEN = ["a/0", "a/1", "a/2", "a/3"]


def listed(described, text, encoding="utf-8"):
    root = described(splits={"train": "train.txt", "val": ["b/*"], "test": []})
    text = text.replace("ROOT", str(root))
    (root / "train.txt").write_bytes(text.encode(encoding))
    return root


@pytest.mark.parametrize(
    "text",
    [
        "a/0.png\r\na/1.png\r\na/2.png\r\na/3.png\r\n",
        "\ufeffa/0\na/1\na/2\na/3",
        "./a/0.png\n./images/a/1.png\nimages/a/2\n../images/a/3.png",
        "ROOT/images/a/0.png\nROOT/images/a/1.png\nROOT/images/a/2\nROOT/images/a/3",
        "images\\a\\0.png\n.\\a\\1.png\na\\2\na\\3\n",
        '"a/0.png"\n\'a/1\'\n "a/2.png" \na/3',
        "file://ROOT/images/a/0.png\na/1\na/2\na/3",
        "A/0.PNG\na/1.Png\nIMAGES/a/2\nA/3",
        "a/0.png a/0.png\na/1.png labels/a/1.png\nimages/a/2.png labels/a/2.png\na/3 a/3\n",
        "a/0.png\tlabels/a/0.png\na/1\ta/1\na/2\ta/2\na/3\ta/3",
        "a/0.png,labels/a/0.png\na/1, a/1\na/2,a/2\na/3,a/3",
        "a/0.png;labels/a/0.png\na/1; a/1\na/2;a/2\na/3;a/3",
        '"a/0.png","labels/a/0.png"\n"a/1","a/1"\n"a/2" "a/2"\na/3',
        "ROOT/images/a/0.png ROOT/labels/a/0.png\na/1\na/2\na/3",
        "image,label\na/0.png,a/0.png\na/1,a/1\na/2,a/2\na/3,a/3",
        "# sequence a\n\na/0   # blurred\na/1\n\n  a/2  \n#a/9\na/3\n",
        "0\n1\n2.png\n./3.jpg\n",
        "a/0.jpg\na/1.jpeg\na/2.tif\na/3.webp\n",
        "a/0.png,\na/1.png;\na/2,\na/3\n",
        '"a/0.png",\n"a/1.png",\n"a/2",\n"a/3"',
        "a/0\na/1\n\ufeffa/2\na/3",
        "\u00a0a/0\na/1\t\na/2\u00a0\na/3",
        "1 a/0\n2 a/1\n3 a/2\n4 a/3\n",
        "0,a/0.png,labels/a/0.png\n1,a/1,a/1\n2,a/2,a/2\n3,a/3,a/3",
        "id,image,label\n10,a/0.png,a/0.png\n11,a/1,a/1\n12,a/2,a/2\n13,a/3,a/3",
        ",image,label\n0,a/0.png,a/0.png\n1,a/1,a/1\n2,a/2,a/2\n3,a/3,a/3",
        "index\tname\n0\ta/0\n1\ta/1\n2\ta/2\n3\ta/3",
        "a/0.png 1\na/1.png 1\na/2 1\na/3  1\n",
    ],
)
def test_habits_of_lists(described, text):
    root = listed(described, text)
    assert names(detect.open_folder(root))["train"] == [name.replace("/", "_") for name in WRITTEN]


def test_list_of_windows_tools_in_utf16(described):
    root = listed(described, "\r\n".join(WRITTEN), "utf-16")
    assert len(names(detect.open_folder(root))["train"]) == 4


def test_names_with_separators_are_whole_names_first(described):
    root = described(splits={"train": "train.txt", "val": ["a/*", "b/*"], "test": []})
    for stem in ("x y", "x,y", "x;y", "x #1"):
        photo(root / "images" / f"{stem}.png")
        label(root / "labels" / f"{stem}.png", 1)
    (root / "train.txt").write_text("x y.png labels/x y.png\nx,y.png\nx;y\nx #1\n".replace(" labels/x y.png", ""))
    assert names(detect.open_folder(root))["train"] == ["x #1", "x y", "x,y", "x;y"]


def test_lists_are_read_in_archives(described, tmp_path):
    root = listed(described, "a\\0.png\r\na\\1.png\r\na\\2\r\nA\\3\r\n")
    packed = pack(root, tmp_path / "own.zip", lambda name: f"own/{name}".replace("/", "\\"))
    assert names(detect.open_folder(packed)) == names(detect.open_folder(root))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "a/0 labels/a/1.png\n",
            "expected a photo and its own label on a line of train, found 'a/0' with 'labels/a/1.png'; "
            "rename the label like its photo, or list photos only",
        ),
        (
            "a/0  1\na/1 -1\n",
            "expected names alone in train, found 'a/1' with -1: a list of the photos with and without a class; name "
            "the list of all photos, such as ImageSets/Segmentation/train.txt, or remove the numbers",
        ),
        (
            "0 1\n1 2\n",
            "expected a photo and its own label on a line of train, found '0' with '1'; rename the label like its "
            "photo, or list photos only",
        ),
        (
            "/elsewhere/images/a/0.png\n",
            "expected names of frames in train, found '/elsewhere/images/a/0.png', which no photo in images/ has; "
            "did you mean 'a/0'?",
        ),
        (
            "a/00\n",
            "expected names of frames in train, found 'a/00', which no photo in images/ has; did you mean 'a/0'?",
        ),
    ],
)
def test_lists_that_name_no_frame_are_rejected(described, text, sentence):
    root = listed(described, text)
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert str(refused.value) == f"{root}/train.txt: {sentence}"


def test_missing_list_names_the_other_lists(described):
    root = described(splits={"train": "train.txt", "val": ["b/*"]})
    (root / "training.txt").write_text("a/0\n")
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert str(refused.value) == f"{root}/train.txt: expected a file, found only training.txt"


STEMS = st.lists(st.text("aB/ .,;é\u0301#\"'\\[]*?-", min_size=1, max_size=6), min_size=1, max_size=5, unique=True)


@pytest.mark.parser
@given(STEMS, st.lists(st.text(st.characters(max_codepoint=0x3FF), max_size=12), max_size=4))
def test_only_own_errors_come_out_of_lists(stems, lines):
    selection = FrameSelection(stems, roots=["/data/own"])
    for call in (selection.match, selection.match_lines):
        found = []
        with suppress(DataError):
            found = call(lines, "list.txt", "train")
        assert set(found) <= set(stems)


@pytest.mark.parser
@given(STEMS)
def test_every_frame_is_found_by_its_own_name(stems):
    plain = [stem for stem in stems if stem.strip() == stem and not stem.startswith("#")]
    assert set(FrameSelection(stems).match_lines(plain, "list.txt", "train")) >= set(plain)
