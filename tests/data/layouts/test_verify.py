from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.errors import DataError


def photos(root, folder="train"):
    return sorted((root / "leftImg8bit" / folder).rglob("*.png"), key=lambda path: path.name)


def labels(root, folder="train"):
    return sorted((root / "gtFine" / folder).rglob("*_labelIds.png"), key=lambda path: path.name)


def test_dataset_without_problems(streets, archives, document):
    assert api.verify(str(streets)) == api.verify(str(archives)) == api.Verification(10, ())
    nothing = {"problems": [], "notes": []}
    assert document("data", "verify", "--data", archives) == {"data": str(archives), "frames": 10, **nothing}


@pytest.fixture
def document(cityseg):
    """Call with --json and return the one document on stdout; nothing must be wrong."""

    def call(*words, code=0):
        answer = cityseg(*words, "--json")
        assert answer.code == code, answer.err
        return json.loads(answer.out)

    return call


def test_progress_counts_every_frame(streets):
    calls = []
    api.verify(str(streets), lambda *counts: calls.append(counts))
    assert calls == [(done, 10) for done in range(1, 11)]


def test_official_frames_have_no_problems(cityscapes_fullres):
    assert api.verify(str(cityscapes_fullres)) == api.Verification(5, ())


@pytest.fixture
def damaged(copy):
    """One problem of every kind, and the sentences that tell them."""
    photo, label = photos(copy), labels(copy)
    label[0].unlink()
    photo[1].unlink()
    content = photo[2].read_bytes()
    photo[2].write_bytes(content[: len(content) // 2])
    Image.fromarray(np.full((64, 128, 3), (128, 64, 128), np.uint8)).save(label[3])
    Image.fromarray(np.full((64, 100), 7, np.uint8)).save(label[4])
    Image.fromarray(np.full((64, 128), 200, np.uint8)).save(label[5])
    val = photos(copy, "val")[0]
    val.write_bytes(photo[6].read_bytes())
    return copy, [
        ("missing label", "train", photo[0], f"expected its label at {label[0]}, found none; "
         "add the label or remove the photo"),
        ("orphaned label", "train", label[1], f"expected its photo at {photo[1]}, found none; "
         "add the photo or remove the label"),
        ("unreadable file", "train", photo[2], "expected a whole photo, found a damaged one"),
        ("wrong mode", "train", label[3], "expected an 8-bit image of label ids, found mode RGB with colours; "
         "use the *_gtFine_labelIds.png files"),
        ("size mismatch", "train", label[4], "expected the photo's size 64x128, found 64x100; "
         "both must show the same frame"),
        ("unknown id", "train", label[5], "expected label ids 0 to 33, found 200; "
         "use the *_gtFine_labelIds.png files, not train ids or colours"),
        ("duplicate", "train", photo[6], f"expected a photo of this split only, found the same bytes in val at {val}; "
         "remove one"),
    ]  # fmt: skip


def test_all_problems_are_listed_with_their_paths(damaged, document):
    root, expected = damaged
    verification = api.verify(str(root))
    assert verification.frames == 8
    found = [(problem.kind, problem.split, problem.path) for problem in verification.problems]
    assert found == [(kind, split, str(path)) for kind, split, path, _ in expected]
    for problem, (_, _, path, sentence) in zip(verification.problems, expected, strict=True):
        assert problem.message.startswith(f"{path}: {sentence}")
        assert "\n" not in problem.message
    assert document("data", "verify", "--data", root, code=1) == {
        "data": str(root),
        "frames": 8,
        "problems": [
            {"kind": problem.kind, "split": problem.split, "path": problem.path, "message": problem.message}
            for problem in verification.problems
        ],
        "notes": [],
    }


def test_command_line_lists_problems(damaged, cityseg, streets):
    root, expected = damaged
    answer = cityseg("data", "verify", "--data", root)
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert lines[0] == "8 frames read, 7 problems found"
    assert lines[1::2] == [f"{kind}: 1" for kind, *_ in expected]
    for line, (_, split, path, sentence) in zip(lines[2::2], expected, strict=True):
        assert line.startswith(f"  {split}: {path}: {sentence}")
    sound = cityseg("data", "verify", "--data", streets)
    assert (sound.code, sound.out) == (0, "10 frames read, no problem found\n")


def test_one_label_may_have_several_problems(copy):
    Image.fromarray(np.full((10, 10), 99, np.uint8)).save(labels(copy)[0])
    kinds = [problem.kind for problem in api.verify(str(copy)).problems]
    assert kinds == ["size mismatch", "unknown id"]


def test_photo_and_label_are_checked_independently(copy):
    photos(copy)[0].write_bytes(b"no image")
    Image.fromarray(np.full((64, 128), 99, np.uint8)).save(labels(copy)[0])
    problems = api.verify(str(copy)).problems
    assert [(problem.kind, problem.path) for problem in problems] == [
        ("unreadable file", str(photos(copy)[0])),
        ("unknown id", str(labels(copy)[0])),
    ]


@pytest.mark.parametrize("list_files", [photos, labels])
def test_png_without_end_chunk_is_a_problem(copy, list_files):
    """Some decoders give every pixel of such a file without a word."""
    path = list_files(copy)[3]
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"IEND") - 4])
    np.asarray(Image.open(path))
    (problem,) = api.verify(str(copy)).problems
    assert (problem.kind, problem.path) == ("unreadable file", str(path))
    assert problem.message.endswith(" (it ends early); copy it again")


def test_png_with_wrong_checksum_is_a_problem(copy):
    path = photos(copy)[3]
    content = bytearray(path.read_bytes())
    content[content.rindex(b"IEND") - 8] ^= 1
    path.write_bytes(content)
    np.asarray(Image.open(path))
    (problem,) = api.verify(str(copy)).problems
    assert (problem.kind, problem.path) == ("unreadable file", str(path))
    assert problem.message.endswith(" (the checksum of its IDAT part is wrong); copy it again")


def test_equal_names_in_two_splits_are_a_problem(copy):
    """One frame copied from train to val is one name twice, and neither is used."""
    photo, label = photos(copy)[2], labels(copy)[2]
    for path in (photo, label):
        target = path.parents[2] / "val" / path.parent.name / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    other = photo.parents[2] / "val" / photo.parent.name / photo.name
    name = photo.name.removesuffix("_leftImg8bit.png")
    verification = api.verify(str(copy))
    assert verification.frames == 9
    first, second = verification.problems
    assert (first.kind, first.split, second.kind) == ("duplicate", "train", "duplicate")
    assert second.split in ("val", "test")
    sentence = "expected a frame name that no other file has, found"
    assert first.message == f"{photo}: {sentence} {name} also at {other}; rename one"
    assert second.message == f"{other}: {sentence} {name} also at {photo}; rename one"


def test_unusable_frame_moves_no_other(copy):
    before = {split: [frame.name for frame in frames] for split, frames in api.connect(str(copy)).splits.items()}
    assert [len(before[split]) for split in ("val", "test")] == [2, 1]
    for path in labels(copy, "val")[:2]:
        path.unlink()
    after = {split: [frame.name for frame in frames] for split, frames in api.connect(str(copy)).splits.items()}
    assert after == {**before, "val": []}


def test_other_files_are_ignored(copy):
    city = photos(copy)[0].parent
    for name in ("leftImg8bit/train/.DS_Store", "license.txt", "README", "leftImg8bit/train/notes_leftImg8bit.png"):
        (copy / name).write_text("not a frame")
    for name in (f"._{photos(copy)[0].name}", "Thumbs.db", "thumb.png"):
        (city / name).write_text("not a frame")
    note = (
        "1 photo is not read, such as leftImg8bit/train/notes_leftImg8bit.png: expected "
        "leftImg8bit/<split>/<city>/*_leftImg8bit.png"
    )
    assert api.verify(str(copy)) == api.Verification(10, (), (note,))


def test_photos_in_folders_that_are_not_read_are_named(copy):
    (copy / "leftImg8bit" / "val").rename(copy / "leftImg8bit" / "validation")
    (copy / "gtFine" / "val").rename(copy / "gtFine" / "validation")
    deep = photos(copy)[0].parent / "sub"
    deep.mkdir()
    photos(copy)[0].rename(deep / photos(copy)[0].name)
    found = api.verify(str(copy))
    assert found.notes == (
        "leftImg8bit/validation/ is not read: expected train, val, test or train_extra",
        f"1 photo is not read, such as {sorted(deep.iterdir())[0].relative_to(copy)}: expected "
        "leftImg8bit/<split>/<city>/*_leftImg8bit.png",
        "there is no val frame, which training needs",
    )


def test_a_file_name_that_is_not_utf8_is_named(copy):
    (Path(os.fsdecode(os.fsencode(photos(copy)[0].parent) + b"/t\xff.png"))).write_bytes(b"")
    with pytest.raises(DataError, match=r"expected file names in UTF-8, found b't\\xff.png'; rename it"):
        api.verify(str(copy))


def test_interlaced_and_animated_pngs_are_accepted(copy, tmp_path):
    """An animation's first picture is the frame; other viewers show it as well."""
    path = photos(copy)[0]
    picture = Image.open(path).convert("RGB")
    picture.save(path, save_all=True, append_images=[Image.new("RGB", picture.size)])
    assert b"acTL" in path.read_bytes()
    assert api.verify(str(copy)).problems == ()
    frame = api.connect(str(copy)).splits["train"][0]
    np.testing.assert_array_equal(api.frame_view(str(copy), "train", frame.name).photo, np.asarray(picture))
