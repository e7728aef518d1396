"""Videos that end early or are damaged within: the good frames are read at their times, and the others counted."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from PIL import Image

from cityseg.errors import CitysegError, DataError
from cityseg.inference.video import Video
from tests.inference.videos import encode

NOISE = np.random.default_rng(0).integers(0, 256, (20, 32, 64, 3), np.uint8)


def read(path):
    """Return the seconds of the frames, the number of missing ones, and the remarks."""
    source = Video(path)
    seconds = [float(frame.second) for frame in source.frames()]
    return seconds, source.missing, source.remarks


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        ("avi", "mjpeg", "yuvj444p"),
        ("avi", "png", "rgb24"),
        ("mkv", "mjpeg", "yuvj444p"),
        ("mkv", "ffv1", "yuv444p"),
    ],
)
def test_a_file_cut_anywhere_keeps_the_frames_before(tmp_path, suffix, codec, pix_fmt):
    whole = encode(tmp_path / f"v.{suffix}", list(NOISE), codec=codec, pix_fmt=pix_fmt).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    for share in np.linspace(0.5, 0.6, 12):
        path.write_bytes(whole[: int(share * len(whole))])
        seconds, missing, remarks = read(path)
        assert 6 <= len(seconds) <= 12
        assert seconds == pytest.approx(np.arange(len(seconds)) / 10, abs=1e-3)
        assert missing == 20 - len(seconds)
        assert remarks == ()


def damaged(path, *numbers):
    """Encode noise as PNGs and damage the compressed pixels of some frames."""
    content = bytearray(encode(path, list(NOISE), codec="png", pix_fmt="rgb24").read_bytes())
    places = [place for place in range(len(content)) if content.startswith(b"\x89PNG", place)]
    assert len(places) == 20
    for number in numbers:
        content[places[number] + 200 : places[number] + 240] = bytes(40)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", ["avi", "mov"])
@pytest.mark.parametrize("numbers", [(0,), (7, 8), (18,)])
def test_damaged_frames_are_left_out_and_counted(tmp_path, suffix, numbers):
    seconds, missing, remarks = read(damaged(tmp_path / f"v.{suffix}", *numbers))
    good = np.array([number for number in range(20) if number not in numbers])
    assert seconds == pytest.approx((good - good[0]) / 10, abs=1e-3)
    assert missing == 0
    assert remarks == (f"{'1 frame is' if len(numbers) == 1 else '2 frames are'} damaged and left out.",)


def test_a_video_without_a_good_frame_is_refused(tmp_path):
    path = damaged(tmp_path / "v.avi", *range(20))
    with pytest.raises(DataError, match=r"v\.avi: expected a video .*, found none that can be read \(.*\); copy"):
        read(path)


def test_the_remark_on_damaged_frames_reaches_the_command_line(workplace, trained, tmp_path, cityseg):
    path = damaged(tmp_path / "v.avi", 3)
    done = cityseg("clip", trained.folder, path, "--out", tmp_path / "out")
    assert done.code == 0
    assert "1 frame is damaged and left out." in done.out
    assert "19 frames at" in done.out


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_an_animation_that_ends_early_keeps_its_good_frames(tmp_path, kind):
    first, *rest = map(Image.fromarray, NOISE[:8])
    path = tmp_path / f"a.{kind}"
    first.save(path, save_all=True, append_images=rest, duration=100)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 7 // 10])
    seconds, missing, _ = read(path)
    assert seconds == pytest.approx(np.arange(len(seconds)) / 10)
    assert 4 <= len(seconds) <= 6
    assert missing == (8 if kind == "png" else len(seconds) + 1) - len(seconds)


@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_an_animation_without_its_end_is_refused(tmp_path, kind):
    first, *rest = map(Image.fromarray, NOISE[:8])
    path = tmp_path / f"a.{kind}"
    first.save(path, save_all=True, append_images=rest, duration=100)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=rf"a\.{kind}: expected a whole GIF, .*, found a damaged one \(.*\); copy it"):
        read(path)


def test_frames_that_an_avi_repeats_are_not_missing(tmp_path):
    path = encode(tmp_path / "v.avi", list(NOISE[:6]), codec="mjpeg", pix_fmt="yuvj444p")
    content = bytearray(path.read_bytes())
    place = content.index(b"movi") + 4

    def size_at(place):
        return 8 + (struct.unpack("<I", content[place + 4 : place + 8])[0] + 1) // 2 * 2

    for _ in range(2):
        place += size_at(place)
    size = size_at(place)
    # A chunk without a byte means the frame before, and the rest is padding.
    content[place : place + size] = struct.pack("<4sI4sI", b"00dc", 0, b"JUNK", size - 16) + bytes(size - 16)
    entry = content.rindex(b"idx1") + 8 + 2 * 16
    content[entry + 12 : entry + 16] = bytes(4)
    path.write_bytes(content)
    assert read(path) == (pytest.approx([0, 0.1, 0.3, 0.4, 0.5]), 0, ())


def test_pixels_of_a_hidden_first_image_are_no_frame(tmp_path):
    pictures = [Image.new("RGB", (32, 16), (50 * number, 0, 0)) for number in range(4)]
    pictures[3].save(
        tmp_path / "a.png", save_all=True, append_images=pictures[:3], default_image=True, duration=[100, 200, 300]
    )
    source = Video(tmp_path / "a.png")
    frames = list(source.frames())
    assert source.length == 3
    assert [frame.pixels[0, 0, 0] for frame in frames] == [0, 50, 100]
    assert [float(frame.duration) for frame in frames] == pytest.approx([0.1, 0.2, 0.3])


def test_an_animated_avif_is_its_animation(tmp_path):
    pictures = [Image.new("RGBA", (32, 16), (0, 0, 100 * number, 255 - 127 * number)) for number in range(3)]
    pictures[0].save(tmp_path / "a.avif", save_all=True, append_images=pictures[1:], duration=[100, 200, 300])
    source = Video(tmp_path / "a.avif")
    frames = list(source.frames())
    assert source.remarks == ()
    assert [float(frame.duration) for frame in frames] == pytest.approx([0.1, 0.2, 0.3])
    # On white where it is transparent, as a photo.
    for frame, expected in zip(frames, [(0, 0, 0), (127, 127, 177), (254, 254, 254)], strict=True):
        np.testing.assert_allclose(frame.pixels[8, 16], expected, atol=6)


def test_a_sequence_of_photos_is_its_frames(tmp_path):
    """As phones write bursts and live photos: a still image, then a track of several."""
    pictures = [Image.new("RGB", (32, 16), (100 * number, 0, 0)) for number in range(3)]
    pictures[0].save(tmp_path / "a.avif", save_all=True, append_images=pictures[1:], duration=100)
    content = (tmp_path / "a.avif").read_bytes()
    (tmp_path / "a.heics").write_bytes(content.replace(b"ftypavis", b"ftyphevc", 1))
    assert len(list(Video(tmp_path / "a.heics").frames())) == 3


@pytest.mark.parametrize("kind", ["ICO", "MPO", "PCX", "PPM"])
def test_a_photo_named_as_a_video_is_called_a_photo(tmp_path, kind):
    photo = Image.new("RGB", (32, 16))
    photo.save(tmp_path / "a.avi", kind, **({"save_all": True, "append_images": [photo]} if kind == "MPO" else {}))
    with pytest.raises(DataError, match=r"a\.avi: expected a video .*, found a photo; predict photos as photos"):
        Video(tmp_path / "a.avi")


def test_a_document_with_pictures_is_no_video(tmp_path):
    Image.new("RGB", (32, 16)).save(tmp_path / "a.mp4", "PDF")
    with pytest.raises(DataError, match=r"a\.mp4: expected a video .*, found a file with pictures in it; choose"):
        Video(tmp_path / "a.mp4")


@pytest.fixture(scope="session")
def small_videos(tmp_path_factory):
    """Contents of small videos and animations in many containers."""
    folder = tmp_path_factory.mktemp("videos")
    pictures = [np.full((16, 32, 3), 60 * number, np.uint8) for number in range(4)]
    tracks = {
        "mp4": "libx264", "mkv": "libvpx-vp9", "ts": "libx264", "avi": "mpeg4", "webm": "libvpx-vp9", "mov": "mjpeg",
        "flv": "flv", "mpg": "mpeg1video",
    }  # fmt: skip
    contents = []
    for suffix, codec in tracks.items():
        kind = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        rate = 25 if suffix == "mpg" else 10
        path = encode(folder / f"v.{suffix}", pictures, codec=codec, pix_fmt=kind, rate=rate, metadata={"title": "x"})
        contents.append(path.read_bytes())
    first, *rest = map(Image.fromarray, pictures)
    for suffix in ("gif", "png", "webp"):
        first.save(folder / f"a.{suffix}", save_all=True, append_images=rest, duration=200, loop=0)
        contents.append((folder / f"a.{suffix}").read_bytes())
    return contents


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_videos_or_one_sentence(small_videos, tmp_path, count):
    rng = random.Random(count)
    sentences = []
    for _ in range(count):
        data = bytearray(rng.choice(small_videos))
        for _ in range(rng.choice((1, 3, 10, 100))):
            place = rng.randrange(rng.choice((min(400, len(data)), len(data))))
            kind = rng.random()
            if kind < 0.6:
                data[place] = rng.randrange(256)
            elif kind < 0.9:
                data[place : place + 4] = bytes(rng.choices((0, 255), k=4))
            else:
                del data[place + 1 : place + rng.randrange(2, 200)]
        (tmp_path / "damaged").write_bytes(data)
        try:
            for frame in Video(tmp_path / "damaged", 10**7).frames():
                assert frame.duration > 0
        except CitysegError as error:
            sentences.append(str(error))
    assert 0 < len(sentences) < count
    assert not [sentence for sentence in sentences if "\n" in sentence]
