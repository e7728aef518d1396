"""Times of the frames of videos, against the times they were written with."""

from __future__ import annotations

import csv
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from cityseg import api
from cityseg.data.image_io import read_photo_file
from cityseg.errors import DataError
from cityseg.inference.video import Video, VideoWriter, container
from tests.inference.videos import encode, plain

SECONDS = [*(number / 10 for number in range(10)), *range(1, 11)]
"""Times of a phone in dim light: a jump from ten frames per second to one."""
PICTURES = [plain((10 * number, 100, 255 - 10 * number)) for number in range(20)]


def times(path):
    frames = list(Video(path).frames())
    return [float(frame.second) for frame in frames], float(frames[-1].second + frames[-1].duration)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        ("mp4", "libx264", "yuv420p"),
        ("mov", "libx264", "yuv420p"),
        ("mkv", "ffv1", "yuv444p"),
        ("webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_a_variable_rate_is_kept(tmp_path, suffix, codec, pix_fmt):
    path = encode(tmp_path / f"v.{suffix}", PICTURES, codec=codec, pix_fmt=pix_fmt, seconds=SECONDS, end=12)
    found, end = times(path)
    assert found == pytest.approx(SECONDS, abs=1e-3)
    assert end == pytest.approx(12, abs=1e-3)


def test_table_and_overlay_have_the_times_of_the_video(workplace, trained, tmp_path):
    path = encode(tmp_path / "v.mp4", PICTURES, codec="libx264", pix_fmt="yuv420p", seconds=SECONDS, end=12)
    result = api.predict_video(str(trained.folder), path, tmp_path / "out")
    assert (result.frames, result.seconds, result.rate) == (20, 12, pytest.approx(20 / 12))
    with result.table.open(newline="") as file:
        rows = [float(row["second"]) for row in csv.DictReader(file)]
    assert rows == pytest.approx(SECONDS, abs=1e-3)
    with av.open(str(result.video)) as written:
        stream = written.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(12, abs=1e-3)
        assert [frame.time for frame in written.decode(stream)] == pytest.approx(SECONDS, abs=1e-3)


@pytest.mark.parametrize(
    ("written", "shown"), [([1000, 100, 100, 2000], [1, 0.1, 0.1, 2]), ([0, 10, 20, 50], [0.1, 0.1, 0.02, 0.05])]
)
@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_durations_of_animations(tmp_path, kind, written, shown):
    first, *rest = (Image.fromarray(picture) for picture in PICTURES[:4])
    first.save(tmp_path / f"a.{kind}", save_all=True, append_images=rest, duration=written, loop=0)
    frames = list(Video(tmp_path / f"a.{kind}").frames())
    assert [float(frame.duration) for frame in frames] == pytest.approx(shown)
    assert [float(frame.second) for frame in frames] == pytest.approx([sum(shown[:count]) for count in range(4)])


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("avi", "mpeg4"),
        ("avi", "libx264"),
        ("3gp", "mpeg4"),
        ("mpg", "mpeg2video"),
        ("vob", "mpeg2video"),
        ("ts", "libx264"),
        ("wmv", "wmv2"),
        ("flv", "flv"),
        ("h264", "libx264"),
        ("m2v", "mpeg2video"),
        ("y4m", "wrapped_avframe"),
    ],
)
def test_a_constant_rate_in_any_container_whatever_its_suffix(tmp_path, suffix, codec):
    pictures = [plain((20 * number,) * 3, (144, 176)) for number in range(12)]
    path = encode(tmp_path / f"v.{suffix}", pictures, codec=codec, pix_fmt="yuv420p", rate=25)
    path = path.rename(tmp_path / "video")
    frames = list(Video(path).frames())
    assert [float(frame.second) for frame in frames] == pytest.approx([number / 25 for number in range(12)], abs=1e-3)
    assert float(frames[-1].second + frames[-1].duration) == pytest.approx(12 / 25, abs=1e-3)
    # In the order of display, also where an AVI stores another one.
    for number, frame in enumerate(frames):
        assert abs(frame.pixels.mean() - 20 * number) < 6


@pytest.mark.parametrize("starts", [(0, 0), (0, 1), (0.5, 0), (1000, 0), (0, 100), (0, 30_000)])
def test_timestamps_of_joined_recordings_go_on(tmp_path, starts):
    joined = b""
    for start in starts:
        seconds = [start + number / 10 for number in range(10)]
        path = encode(
            tmp_path / f"{start}.ts", PICTURES[:10], codec="libx264", pix_fmt="yuv420p", rate=10, seconds=seconds
        )
        joined += path.read_bytes()
    (tmp_path / "joined.ts").write_bytes(joined)
    found, end = times(tmp_path / "joined.ts")
    assert found == pytest.approx(np.arange(20) / 10, abs=1e-3)
    assert end == pytest.approx(2, abs=0.1)
    assert Video(tmp_path / "joined.ts").missing == 0


def test_a_gap_of_hours_is_damage(tmp_path, monkeypatch):
    path = encode(tmp_path / "v.mkv", PICTURES[:3], seconds=[0, 1, 50_000], end=50_001)
    with pytest.raises(DataError, match=r"v\.mkv: expected frames less than 6 hours apart, found 14 hours; its time"):
        list(Video(path).frames())


def test_an_early_end_is_counted_without_a_count_in_the_header(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 32, 64, 3), np.uint8)
    data = encode(tmp_path / "v.mkv", list(noise)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 3])
    source = Video(tmp_path / "cut.mkv")
    count = len(list(source.frames()))
    assert 10 < count < 30
    assert abs(source.missing - (60 - count)) <= 1


def test_a_frame_is_written_for_its_duration(tmp_path):
    writer = VideoWriter(tmp_path / "v.mp4", Fraction(10))
    for duration in (Fraction(1), Fraction(1, 30), Fraction(2)):
        writer.add(plain((1, 2, 3)), duration)
    writer.close()
    found, end = times(tmp_path / "v.mp4")
    assert found == pytest.approx([0, 1, 31 / 30], abs=1e-4)
    assert end == pytest.approx(91 / 30, abs=1e-4)
    assert container.DEFAULT_RATE == 10


@pytest.mark.parametrize(("suffix", "codec"), [("avi", "mpeg4"), ("mkv", "mpeg4")])
def test_a_file_that_was_cut_reports_its_missing_frames(tmp_path, suffix, codec):
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 128, 3), np.uint8)
    path = encode(tmp_path / f"v.{suffix}", list(noise), codec=codec, pix_fmt="yuv420p")
    content = path.read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])
    source = Video(path)
    frames = list(source.frames())
    assert 15 < len(frames) < 35
    assert abs(source.missing - (40 - len(frames))) <= 1
    assert frames[-1].duration < 0.2


def test_photos_of_a_folder_come_in_numeric_order(tmp_path):
    for number in (1, 2, 10):
        Image.fromarray(plain((number, 0, 0))).save(tmp_path / f"f{number}.png")
    assert [frame.pixels[0, 0, 0] for frame in Video(tmp_path).frames()] == [1, 2, 10]


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_is_read_as_photos_are(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    pictures = [Image.fromarray(plain((200, 30, 40 * number))) for number in range(3)]
    options = {"exif": exif, "icc_profile": profile, **({"lossless": True} if kind == "WEBP" else {})}
    path = tmp_path / f"a.{kind.lower()}"
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=100, **options)
    frames = list(Video(path).frames())
    assert len(frames) == 3
    for frame, picture in zip(frames, pictures, strict=True):
        picture.save(tmp_path / "still.png", **{**options, "exif": exif})
        np.testing.assert_array_equal(frame.pixels, read_photo_file(tmp_path / "still.png"))
