"""Damaged trees: each is refused in one sentence that names the file, and nothing is left that looks like a cache."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.errors import CitysegError

NAME = "aachen_000000_000019"
PHOTO = f"leftImg8bit/train/aachen/{NAME}_leftImg8bit.png"
LABEL = f"gtFine/train/aachen/{NAME}_gtFine_labelIds.png"
PHOTOS, LABELS = "leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"

Damage = Callable[[Path], object]


@pytest.fixture
def tree(tmp_path):
    """Three train and three val frames of noise at 16x32, in the official layout."""
    root = tmp_path / "tree"
    random = np.random.default_rng(0)
    for folder, city in (("train", "aachen"), ("val", "frankfurt")):
        for index in range(3):
            name = f"{city}_{index:06d}_000019"
            photo = root / "leftImg8bit" / folder / city / f"{name}_leftImg8bit.png"
            label = root / "gtFine" / folder / city / f"{name}_gtFine_labelIds.png"
            for path, shape, most in ((photo, (16, 32, 3), 256), (label, (16, 32), 34)):
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, most, shape, dtype=np.uint8)).save(path)
    return root


@pytest.fixture
def zips(tree):
    """The same as the two official archives."""
    for part in ("leftImg8bit", "gtFine"):
        shutil.make_archive(str(tree / f"{part}_trainvaltest"), "zip", tree, part)
        shutil.rmtree(tree / part)
    return tree


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def put(path: Path, what: str) -> None:
    """Put something else in the place of a file."""
    path.unlink()
    match what:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path.name)
        case "dangling":
            path.symlink_to("nowhere")


def save(path: Path, array: np.ndarray, **options: object) -> None:
    Image.fromarray(array).save(path, **options)


def add_member(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")


def encrypt(path: Path) -> None:
    """Mark the first member as encrypted. Layout: PKWARE's APPNOTE, section 4.3.12."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


GREY = np.full((16, 32), 7, np.uint8)

FILES: dict[str, tuple[Damage, str, str]] = {
    "a photo cut short": (lambda root: cut(root / PHOTO, 0.6), PHOTO, "expected a whole photo, found a damaged"),
    "a label cut short": (lambda root: cut(root / LABEL, 0.6), LABEL, "expected a whole label, found a damaged"),
    "a photo cut in its header": (lambda root: cut(root / PHOTO, 0.01), PHOTO, "expected a whole photo, found a"),
    "a photo of no bytes": (lambda root: (root / PHOTO).write_bytes(b""), PHOTO, "expected a photo, found an empty"),
    "a text as photo": (lambda root: (root / PHOTO).write_text("404"), PHOTO, "expected a photo (JPEG, PNG"),
    "a text as label": (lambda root: (root / LABEL).write_text("404"), LABEL, "expected a label (PNG), found another"),
    "a label in colours": (
        lambda root: save(root / LABEL, np.dstack([GREY, GREY, GREY + 1])),
        LABEL,
        "expected an 8-bit image of label ids, found mode RGB with colours; use the *_gtFine_labelIds.png files",
    ),
    "a label of 16 bits": (
        lambda root: save(root / LABEL, GREY.astype(np.uint16) * 3714),
        LABEL,
        "expected label ids 0 to 33, found 25998; use the *_gtFine_labelIds.png files, not train ids or colours",
    ),
    "a label as JPEG": (
        lambda root: save(root / LABEL, GREY, format="JPEG"),
        LABEL,
        "expected a PNG of labels, found JPEG; convert the labels to PNG",
    ),
    "a label of another size": (
        lambda root: save(root / LABEL, GREY[:8]),
        LABEL,
        "expected the photo's size 16x32, found 8x32; both must show the same frame",
    ),
    "a label of train ids and void": (
        lambda root: save(root / LABEL, np.full((16, 32), 200, np.uint8)),
        LABEL,
        "expected label ids 0 to 33, found 200; use the *_gtFine_labelIds.png files, not train ids or colours",
    ),
    "no label": (lambda root: (root / LABEL).unlink(), PHOTO, "expected its label at "),
    "no photo": (lambda root: (root / PHOTO).unlink(), LABEL, "expected its photo at "),
    "a city without labels": (lambda root: shutil.rmtree((root / LABEL).parent), PHOTO, "expected its label at "),
    "a folder as photo": (lambda root: put(root / PHOTO, "folder"), PHOTO, "expected a file, found a folder; remove"),
    "a pipe as label": (lambda root: put(root / LABEL, "pipe"), LABEL, "expected a file, found a named pipe"),
    "a link to itself as photo": (
        lambda root: put(root / PHOTO, "loop"),
        PHOTO,
        "expected a file, found a link to itself; remove it",
    ),
    "a link to nowhere as label": (
        lambda root: put(root / LABEL, "dangling"),
        LABEL,
        "expected a file, found a broken link; remove it",
    ),
    "a label without permission": (
        lambda root: (root / LABEL).chmod(0),
        LABEL,
        "expected a readable file, found Permission denied; check its permissions",
    ),
    "a frame in train and val": (
        lambda root: [shutil.copy(root / name, root / name.replace("/train/aachen/", "/val/frankfurt/")) for name in
                      (PHOTO, LABEL)],
        PHOTO,
        "expected a frame name that no other file has, found ",
    ),
}  # fmt: skip

TREES: dict[str, tuple[Damage, str]] = {
    "an empty folder": (
        lambda root: [shutil.rmtree(root / part) for part in ("leftImg8bit", "gtFine")],
        "{root}: expected a folder with leftImg8bit/ and gtFine/, found no leftImg8bit and no gtFine; ",
    ),
    "no gtFine": (
        lambda root: shutil.rmtree(root / "gtFine"),
        "{root}: expected a folder with leftImg8bit/ and gtFine/, found no gtFine; ",
    ),
    "no photo at all": (
        lambda root: [shutil.rmtree(root / "leftImg8bit" / split) for split in ("train", "val")],
        "{root}: expected photos named leftImg8bit/<split>/<city>/*_leftImg8bit.png, found none",
    ),
    "a city that links to the folder above it": (
        lambda root: (root / "leftImg8bit/train/loop").symlink_to(".."),
        "{root}/leftImg8bit/train/loop: expected a folder of its own, found a link to a folder above it; "
        "remove the link",
    ),
    "a city that links to itself": (
        lambda root: (root / "gtFine/train/loop").symlink_to("loop"),
        "{root}/gtFine/train/loop: expected a folder, found a link to itself; remove the link",
    ),
}

ARCHIVES: dict[str, tuple[Damage, str]] = {
    "cut short": (
        lambda root: cut(root / PHOTOS, 0.7),
        f"{{root}}/{PHOTOS}: expected a whole zip archive, found one cut short or damaged at its end (",
    ),
    "no zip": (
        lambda root: (root / LABELS).write_text("<html>log in</html>"),
        f"{{root}}/{LABELS}: expected a whole zip archive, found a file that is no zip archive",
    ),
    "alone": (
        lambda root: (root / LABELS).unlink(),
        f"{{root}}: expected both official archives, found {PHOTOS} but no {LABELS}; put it beside the other",
    ),
    "leading out": (
        lambda root: add_member(root / LABELS, "../gtFine/train/aachen/a_gtFine_labelIds.png"),
        f"{{root}}/{LABELS}: expected members below the archive's own folder, found '../gtFine/train/aachen/",
    ),
    "absolute": (
        lambda root: add_member(root / LABELS, "/gtFine/a.png"),
        f"{{root}}/{LABELS}: expected members below the archive's own folder, found '/gtFine/a.png'; ",
    ),
    "encrypted": (
        lambda root: encrypt(root / PHOTOS),
        f"{{root}}/{PHOTOS}: expected an archive without a password, found leftImg8bit/",
    ),
}

OWN: dict[str, tuple[Damage, str]] = {
    "no JSON": (lambda root: (root / "dataset.json").write_text("name: own"), "{root}/dataset.json: expected JSON, "),
    "a pipe as description": (
        lambda root: put(root / "dataset.json", "pipe"),
        "{root}/dataset.json: expected a file, found a named pipe; remove it",
    ),
    "a missing list": (
        lambda root: edit(root, '["a/*"]', '"train.txt"'),
        "{root}/train.txt: expected a file, found none",
    ),
    "an unknown class": (
        lambda root: edit(root, '"building"', '"bulding"'),
        "{root}/dataset.json: expected a Cityscapes class for value 1, found 'bulding'; the closest: building",
    ),
    "an unknown key": (
        lambda root: edit(root, '"train_ids"', '"classes"'),
        "{root}/dataset.json: expected the key 'train_ids', found none; add it; also expected the keys name, ",
    ),
    "shares of less than all": (
        lambda root: edit(root, '["a/*"]', "0.5", '["4", "b/5.png"]', "0.2", '["[67]"]', "0.2"),
        "{root}/dataset.json: expected shares that add up to 1, found 0.9; change splits",
    ),
    "a frame in two splits": (
        lambda root: edit(root, '"[67]"', '"[5-7]"'),
        "{root}/dataset.json: expected every frame in one split, found 1 frame (b/5) in two; change splits",
    ),
    "a frame in no split": (
        lambda root: edit(root, '"[67]"', '"6"'),
        "{root}/dataset.json: expected every frame in a split, found 1 frame (b/7) in none; ",
    ),
    "no labels": (
        lambda root: shutil.rmtree(root / "labels"),
        "{root}: expected images/ and labels/ beside dataset.json, found no labels/; add it",
    ),
    "no photos": (
        lambda root: [path.unlink() for path in (root / "images").rglob("*.png")],
        "{root}/images: expected photos (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF), found none",
    ),
}

OWN_FILES: dict[str, tuple[Damage, str, str]] = {
    "a value that is not mapped": (
        lambda root: edit(root, ', "3": null', ""),
        "labels/a/",
        "expected the values that {root}/dataset.json maps (0 to 2), found 3; add them to train_ids, with null if they "
        "are not scored",
    ),
    "two photos of one stem": (
        lambda root: shutil.copy(root / "images/a/0.png", root / "images/a/0.jpg"),
        "images/a/0.png",
        "expected one photo of this frame, found also {root}/images/a/0.jpg; keep one of them",
    ),
    "a label in colours": (
        lambda root: save(root / "labels/a/1.png", np.full((6, 10, 3), (1, 1, 2), np.uint8)),
        "labels/a/1.png",
        "expected an 8-bit or 16-bit grey or palette PNG of labels, found mode RGB with colours; store one value "
        "per pixel",
    ),
}


def edit(root: Path, *replacements: str) -> None:
    text = (root / "dataset.json").read_text()
    for old, new in zip(replacements[::2], replacements[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    (root / "dataset.json").write_text(text)


@pytest.fixture
def caches(workplace, monkeypatch):
    """An empty folder of caches."""
    root = workplace / "caches"
    monkeypatch.setenv("CITYSEG_CACHE", str(root))
    return root


def refused_everywhere(root: Path, caches: Path, cityseg: Callable[..., object], beginning: str) -> None:
    """Connecting is refused with this sentence, by the package and by every verb of the command line."""
    for verb in (api.connect, api.data_info, api.verify, api.prepare, api.statistics):
        with pytest.raises(CitysegError) as refused:
            verb(str(root))
        assert str(refused.value).startswith(beginning.format(root=root))
        assert "\n" not in str(refused.value)
    for verb in ("verify", "prepare", "stats"):
        answer = cityseg("data", verb, "--data", root)
        assert (answer.code, answer.out, answer.err) == (2, "", f"cityseg: {refused.value}\n")
    assert not list(caches.rglob("*.npy")) + list(caches.rglob("meta.json"))


def listed_and_not_prepared(root: Path, caches: Path, cityseg: Callable[..., object], path: str, message: str) -> None:
    """Verifying lists the file, preparing refuses its split, and no cache of the split is left."""
    start = f"{root}/{path}"
    problems = [problem for problem in api.verify(str(root)).problems if problem.path.startswith(start)]
    assert problems
    assert problems[0].message.startswith(f"{problems[0].path}: {message.format(root=root)}")
    answer = cityseg("data", "verify", "--data", root)
    assert answer.code == 1
    assert f"  {problems[0].split}: {problems[0].message}\n" in answer.out
    with pytest.raises(CitysegError) as refused:
        api.prepare(str(root), (8, 16))
    assert str(refused.value).startswith(start)
    assert "\n" not in str(refused.value)
    assert not list(caches.rglob("*.npy")) + list(caches.rglob("meta.json"))


@pytest.mark.parametrize("case", FILES)
def test_damaged_files(tree, caches, cityseg, case):
    damage, path, message = FILES[case]
    if case.endswith("permission") and os.geteuid() == 0:
        pytest.skip("every file can be read by this user")
    damage(tree)
    listed_and_not_prepared(tree, caches, cityseg, path, message)


@pytest.mark.parametrize("case", TREES)
def test_damaged_trees(tree, caches, cityseg, case):
    damage, message = TREES[case]
    damage(tree)
    refused_everywhere(tree, caches, cityseg, message)


@pytest.mark.parametrize("case", ARCHIVES)
def test_damaged_archives(zips, caches, cityseg, case):
    damage, message = ARCHIVES[case]
    damage(zips)
    refused_everywhere(zips, caches, cityseg, message)


@pytest.mark.parametrize("case", OWN)
def test_damaged_custom_datasets(described, caches, cityseg, case):
    root = described()
    damage, message = OWN[case]
    damage(root)
    refused_everywhere(root, caches, cityseg, message)


@pytest.mark.parametrize("case", OWN_FILES)
def test_damaged_files_of_custom_datasets(described, caches, cityseg, case):
    root = described()
    damage, path, message = OWN_FILES[case]
    damage(root)
    listed_and_not_prepared(root, caches, cityseg, path, message)


def test_empty_split_is_rejected_when_needed(tree, caches):
    shutil.rmtree(tree / "leftImg8bit" / "val")
    shutil.rmtree(tree / "gtFine" / "val")
    dataset = api.connect(str(tree))
    for split in ("val", "test"):
        with pytest.raises(CitysegError) as refused:
            dataset.frames(split)
        assert str(refused.value) == f"{tree}: expected frames in the {split} split, found none; check leftImg8bit/"


def test_split_without_usable_frames_is_rejected(tree, caches):
    shutil.rmtree(tree / "gtFine" / "train")
    with pytest.raises(CitysegError) as refused:
        api.connect(str(tree)).frames("train")
    assert str(refused.value) == (
        f"{tree}: expected frames in the train split, found only 3 that cannot be used; run `cityseg data verify`"
    )
    shutil.rmtree(tree / "gtFine" / "val")
    with pytest.raises(CitysegError, match="found only 3 that cannot be used"):
        api.data_info(str(tree))
