"""Names of uploaded videos and photos, which never become paths on the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from cityseg.errors import DataError
from cityseg.figures.images.png import png
from cityseg.files import client_name
from cityseg.inference.video import Video
from cityseg.ui.predict import video_upload
from tests.inference.videos import encode, plain

HOSTILE = [
    "/escaped.jpg",
    "../escaped.jpg",
    "../../../../../../../../tmp/escaped.jpg",
    "..\\escaped.jpg",
    "C:\\Windows\\escaped.jpg",
    "walk/../../escaped.jpg",
    "/walk/escaped.jpg",
    "..",
    ".",
    "",
    "/",
    "nul\0.jpg",
    "line\nbreak.jpg",
    "x" * 4000 + ".jpg",
    "é" * 500 + ".JPG",
    "\ud800.jpg",
    "con.jpg",
    ".jpg",
    "a" * 300,
]


def uploaded(name: str, data: bytes) -> UploadedFile:
    return UploadedFile(UploadedFileRec("id", name, "image/jpeg", data), None)  # type: ignore[arg-type]


def tree(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", ["video", "folder"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_the_folder(tmp_path: Path, kind: Any, name: str) -> None:
    folder = tmp_path / "a" / "b" / "upload"
    folder.mkdir(parents=True)
    read = video_upload._read(kind, [uploaded(name, b"data")])
    if isinstance(read, str):
        assert read.startswith("Expected a folder of photos")
        return
    before = tree(tmp_path)
    path = read.write(folder)
    assert path == folder / "video"
    written = tree(tmp_path) - before
    wanted = {"video"} if kind == "video" else {"video", "video/000000.jpg"}
    assert {str(found.relative_to("a/b/upload")) for found in written} == wanted
    assert "/" not in read.name
    assert "\\" not in read.name
    assert len(read.name.encode()) < 200


def test_photos_of_one_name_are_all_kept_and_named_in_errors(tmp_path: Path) -> None:
    photos = [(f"walk/{name}", png(plain((number, 0, 0)))) for number, name in enumerate(("2.png", "1.PNG", "1.PNG"))]
    others = [("walk/notes.txt", b"no photo"), ("walk/.hidden.png", b"no photo"), ("walk/below/x.png", b"no photo")]
    read = video_upload._read("folder", [uploaded(*file) for file in (*photos, *others)])
    assert isinstance(read, video_upload.VideoUpload)
    path = read.write(tmp_path)
    assert [int(frame.pixels[0, 0, 0]) for frame in Video(path).frames()] == [1, 2, 0]
    (path / "000001.png").write_bytes(b"no photo")
    with pytest.raises(DataError) as caught:
        list(Video(path).frames())
    assert read.renamed(str(caught.value), path).startswith("walk/1.PNG: expected a photo")


def test_a_video_is_read_whatever_its_name(tmp_path: Path) -> None:
    data = encode(tmp_path / "v.ts", [plain((90, 150, 230))] * 3, codec="libx264", pix_fmt="yuv420p").read_bytes()
    read = video_upload._read("video", [uploaded("../street.MTS", data)])
    assert isinstance(read, video_upload.VideoUpload)
    assert read.name == "street.MTS"
    (tmp_path / "upload").mkdir()
    assert len(list(Video(read.write(tmp_path / "upload")).frames())) == 3


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("street.jpg", "street.jpg"),
        ("Straße 1 (2).JPG", "Straße 1 (2).JPG"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\street.png", "street.png"),
        ("..", "file"),
        ("", "file"),
        (".jpg", "file.jpg"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("nul\0.jpg", "nul.jpg"),
    ],
)
def test_names_are_cleaned(name: str, cleaned: str) -> None:
    assert client_name(name) == cleaned
