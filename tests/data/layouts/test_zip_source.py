from __future__ import annotations

import os
import shutil
import tracemalloc
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from cityseg import api
from cityseg.data.dataset import SPLITS
from cityseg.data.layouts import detect
from cityseg.data.layouts.zip_source import ZipMember, ZipTree, open_archive
from cityseg.data.prepared import cache
from cityseg.errors import DataError, UsageError

PHOTOS, LABELS = "leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"


def rewrite(path, change):
    """Pack an archive again with the members that ``change`` makes of (name, bytes)."""
    with zipfile.ZipFile(path) as archive:
        members = [change(name, archive.read(name)) for name in archive.namelist() if not name.endswith("/")]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in filter(None, members):
            archive.writestr(name, content)


def refusal(call, *arguments):
    with pytest.raises((DataError, UsageError)) as refused:
        call(*arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_archive_is_listed_like_its_folder(streets, archives):
    zipped, unpacked = detect.open_folder(archives), detect.open_folder(streets)
    assert (zipped.name, zipped.kind, zipped.root, zipped.problems) == ("archives", "cityscapes", archives, ())
    for split in SPLITS:
        assert [(frame.name, frame.city) for frame in zipped.splits[split]] == [
            (frame.name, frame.city) for frame in unpacked.splits[split]
        ]
        for ours, theirs in zip(zipped.splits[split], unpacked.splits[split], strict=True):
            for file, plain in ((ours.photo, theirs.photo), (ours.label, theirs.label)):
                assert file.name == plain.name
                assert file.read() == plain.path.read_bytes()
    label = zipped.frames("val")[0].label
    assert str(label) == f"{archives / LABELS}!{label.name}"


def test_archive_and_folder_have_the_same_cache(streets, archives, tmp_path):
    before = sorted(archives.rglob("*"))
    zipped, unpacked = detect.open_folder(archives), detect.open_folder(streets)
    for split in SPLITS:
        ours = cache.prepare(zipped, split, (32, 64), root=tmp_path / "ours")
        theirs = cache.prepare(unpacked, split, (32, 64), root=tmp_path / "theirs")
        for name in ("photos.npy", "labels.npy", "meta.json"):
            assert (ours.folder / name).read_bytes() == (theirs.folder / name).read_bytes()
    assert sorted(archives.rglob("*")) == before


def test_official_archives_equal_their_folder(cityscapes_fullres, tmp_path):
    for part in ("leftImg8bit", "gtFine"):
        with zipfile.ZipFile(tmp_path / f"{part}_trainvaltest.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as pack:
            for path in sorted((cityscapes_fullres / part).glob("val/*/*")):
                pack.write(path, path.relative_to(cityscapes_fullres))
    (frame,) = detect.open_folder(tmp_path).frames("val")
    (plain,) = detect.open_folder(cityscapes_fullres).frames("val")
    assert frame.photo.read() == plain.photo.path.read_bytes()
    assert frame.label.read() == plain.label.path.read_bytes()


def test_folder_and_archive_may_be_mixed(streets, archives):
    (archives / LABELS).unlink()
    shutil.copytree(streets / "gtFine", archives / "gtFine")
    frame = detect.open_folder(archives).frames("train")[0]
    assert str(frame.photo).startswith(f"{archives / PHOTOS}!leftImg8bit/train/")
    assert frame.label.path == archives / frame.label.name


def test_enclosing_folder_is_skipped(streets, archives):
    rewrite(archives / PHOTOS, lambda name, content: (f"data set/{name}", content))
    with zipfile.ZipFile(archives / PHOTOS, "a") as archive:
        archive.writestr("__MACOSX/leftImg8bit/train/._a_leftImg8bit.png", b"")
        archive.writestr("data set/leftImg8bit/train/x/._a_leftImg8bit.png", b"")
        archive.writestr("data set/README: first", b"")
    frame = detect.open_folder(archives).frames("train")[0]
    plain = detect.open_folder(streets).frames("train")[0]
    assert frame.photo.name == plain.photo.name
    assert str(frame.photo) == f"{archives / PHOTOS}!data set/{plain.photo.name}"
    assert frame.photo.read() == plain.photo.read()
    assert len(detect.open_folder(archives).frames("train")) == 7


def test_threads_read_one_archive_concurrently(streets, archives):
    dataset, plain = detect.open_folder(archives), detect.open_folder(streets)
    files = [file for split in SPLITS for frame in dataset.splits[split] for file in (frame.photo, frame.label)]
    wanted = {
        file.name: file.read()
        for split in plain.splits.values()
        for frame in split
        for file in (frame.photo, frame.label)
    }
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda file: (file.name, file.read()), files * 20))
    assert all(wanted[name] == content for name, content in read)
    assert open_archive(archives / PHOTOS) is open_archive(archives / PHOTOS)


def test_stamp_depends_on_content_not_time(archives):
    member = detect.open_folder(archives).frames("val")[0].photo
    content = member.read()
    assert isinstance(member, ZipMember)
    assert member.stamp() == f"{member.name} {len(content)} {zlib.crc32(content):08x}"
    os.utime(archives / PHOTOS, ns=(1, 1))
    assert detect.open_folder(archives).frames("val")[0].photo.stamp() == member.stamp()


def test_changed_archive_is_reopened(archives):
    old = detect.open_folder(archives).frames("val")[0].photo
    rewrite(archives / PHOTOS, lambda name, content: (name, content + b"more") if name == old.name else (name, content))
    new = detect.open_folder(archives).frames("val")[0].photo
    assert new.read() == old.read()
    assert new.read().endswith(b"more")
    assert new.stamp() != old.stamp()
    rewrite(archives / PHOTOS, lambda name, content: None if name == old.name else (name, content))
    assert refusal(old.read) == (
        f"{archives / PHOTOS}!{old.name}: expected a member of the archive, found none; "
        "connect the changed archive again"
    )


@pytest.mark.parametrize("absent", [PHOTOS, LABELS])
def test_single_archive_is_rejected(archives, absent):
    (archives / absent).unlink()
    (there,) = {PHOTOS, LABELS} - {absent}
    assert refusal(detect.open_folder, archives) == (
        f"{archives}: expected both official archives, found {there} but no {absent}; put it beside the other"
    )


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_truncated_archive_is_rejected(archives, share):
    path = archives / PHOTOS
    content = path.read_bytes()[: int(path.stat().st_size * share)]
    path.write_bytes(content)
    assert refusal(detect.open_folder, archives) == (
        f"{path}: expected a whole zip archive, found one cut short or damaged at its end ({len(content):,} bytes); "
        "download it again"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"<html>Please log in</html>", "a file that is no zip archive (File is not a zip file)"), (b"", "an empty file")],
)
def test_other_files_are_rejected(archives, content, found):
    path = archives / LABELS
    path.write_bytes(content)
    assert refusal(detect.open_folder, archives) == (
        f"{path}: expected a whole zip archive, found {found}; download it again"
    )


def test_folder_named_like_an_archive_is_rejected(archives):
    (archives / LABELS).unlink()
    (archives / LABELS).mkdir()
    assert refusal(detect.open_folder, archives) == (
        f"{archives / LABELS}: expected a zip archive, found a folder; remove it"
    )


@pytest.mark.parametrize(
    "name",
    ["../gtFine/evil.png", "/etc/passwd", "gtFine/../../evil.png", "..\\evil.png", "C:\\evil.png", "gtFine/a\nb.png"],
)
def test_members_outside_the_archive_folder_are_rejected(archives, name):
    with zipfile.ZipFile(archives / LABELS, "a") as archive:
        archive.writestr(name, b"evil")
    assert refusal(detect.open_folder, archives) == (
        f"{archives / LABELS}: expected members below the archive's own folder, found {name!r}; do not use this archive"
    )


def flag(path, offset_in_entry, value):
    """Write a number into the first entry of an archive's index. Layout: PKWARE's APPNOTE, section 4.3.12."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + offset_in_entry : start + offset_in_entry + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)


def test_encrypted_members_are_rejected(archives):
    flag(archives / LABELS, 8, 1)
    message = refusal(detect.open_folder, archives)
    assert message.startswith(f"{archives / LABELS}: expected an archive without a password, found gtFine/")
    assert message.endswith(" encrypted; unlock it")


@pytest.mark.parametrize(("method", "word"), [(9, "Deflate64"), (12, "BZIP2"), (77, "method 77")])
def test_unsupported_compression_is_rejected(archives, method, word):
    flag(archives / LABELS, 10, method)
    message = refusal(detect.open_folder, archives)
    assert message.startswith(f"{archives / LABELS}: expected members that are stored or deflated, found gtFine/")
    assert message.endswith(f" packed with {word}; pack it again as an ordinary zip")


def test_archive_without_frames_is_rejected(archives):
    rewrite(archives / LABELS, lambda name, content: (name.removeprefix("gtFine/"), content))
    message = refusal(detect.open_folder, archives)
    assert message.startswith(f"{archives / LABELS}: expected members named gtFine/..., found train/")
    assert message.endswith(" and others; use the official archive")


def test_empty_archive_is_rejected(archives):
    zipfile.ZipFile(archives / PHOTOS, "w").close()
    assert refusal(detect.open_folder, archives) == (
        f"{archives / PHOTOS}: expected members named leftImg8bit/..., found no member; use the official archive"
    )


def test_damaged_member_is_a_problem_of_its_frame(archives, tmp_path):
    path = archives / LABELS
    frame = detect.open_folder(archives).frames("train")[1]
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(frame.label.name)
    content = bytearray(path.read_bytes())
    middle = member.header_offset + 30 + len(member.filename) + member.compress_size // 2
    content[middle] ^= 0xFF
    path.write_bytes(content)
    (problem,) = api.verify(str(archives)).problems
    assert (problem.kind, problem.split, problem.path) == ("unreadable file", "train", f"{path}!{frame.label.name}")
    assert problem.message.startswith(f"{problem.path}: expected a readable member, found a damaged one (")
    assert problem.message.endswith("); copy it again")


@pytest.mark.parametrize("claimed", [0, 100])
def test_member_larger_than_declared_is_rejected(tmp_path, claimed):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gtFine/a_labelIds.png", bytes(2**26))
    content = bytearray(path.read_bytes())
    size = content.index(b"PK\x01\x02") + 24
    content[size : size + 4] = claimed.to_bytes(4, "little")
    path.write_bytes(content)
    (member,) = ZipTree(path).files("gtFine", (".png",), 8).values()
    tracemalloc.start()
    assert refusal(member.read).startswith(f"{member}: expected a readable member, found a damaged one (Bad CRC-32")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_archive_truncated_while_open_is_rejected(archives):
    member = detect.open_folder(archives).frames("val")[-1].photo
    archive = open_archive(archives / PHOTOS)
    os.truncate(archives / PHOTOS, archive.getinfo(member.member).header_offset + 200)
    with archive.open(member.member) as opened, pytest.raises(EOFError):
        opened.read()
    assert refusal(member.read).startswith(f"{archives / PHOTOS}: expected a whole zip archive, found one cut short")


def test_members_are_listed_by_suffix(archives):
    listed = ZipTree(archives / LABELS).files("gtFine", ("_labelids.png",), 8)
    assert len(listed) == 10
    assert all(name.endswith("_gtFine_labelIds.png") for name in listed)
    with zipfile.ZipFile(archives / LABELS) as archive:
        assert len(archive.namelist()) > 10
