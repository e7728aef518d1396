"""Films, GIFs and folders of photos, frame by frame."""

from __future__ import annotations

import csv
import json
import resource
import shutil
import signal
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.errors import DataError
from cityseg.inference.video import Video, VideoWriter, photos_in, reader
from cityseg.inference.video import writer as writer_module

SIZE = (48, 96)


def frames(count: int = 5) -> list[np.ndarray]:
    """Smooth pictures, each of its own brightness."""
    ramp = np.tile(np.linspace(0, 100, SIZE[1]), (SIZE[0], 1))
    return [np.dstack([ramp + 20 * number] * 3).astype(np.uint8) for number in range(count)]


@pytest.fixture
def mp4(tmp_path):
    writer = VideoWriter(tmp_path / "street.mp4", Fraction(12))
    for frame in frames():
        writer.add(frame)
    writer.close()
    return tmp_path / "street.mp4"


@pytest.fixture
def gif(tmp_path):
    first, *rest = (Image.fromarray(frame) for frame in frames())
    first.save(tmp_path / "street.gif", save_all=True, append_images=rest, duration=200, loop=0)
    return tmp_path / "street.gif"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, frame in enumerate(frames()):
        Image.fromarray(frame).save(tmp_path / "photos" / f"{number:03}.png")
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    (tmp_path / "photos" / ".hidden.png").write_text("no photo")
    return tmp_path / "photos"


@pytest.mark.parametrize(("kind", "rate"), [("mp4", 12), ("gif", 5), ("folder", 10)])
def test_frames_are_read_in_order(kind, rate, request):
    source = Video(request.getfixturevalue(kind))
    assert source.length == 5
    assert source.rate == rate
    read = [frame.pixels for frame in source.frames()]
    assert [frame.shape for frame in read] == [(*SIZE, 3)] * 5
    for found, wanted in zip(read, frames(), strict=True):
        assert np.abs(found.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("kind", ["mp4", "gif", "folder"])
def test_prediction_writes_overlay_and_table(kind, request, workplace, trained, tmp_path, cityseg):
    source = request.getfixturevalue(kind)
    finished = cityseg("clip", trained.folder, source, "--out", tmp_path / "out", "--json")
    assert finished.code == 0, finished.err
    result = json.loads(finished.out)
    assert result["frames"] == 5
    with av.open(result["film"]) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.height, stream.width) == ("h264", *SIZE)
        assert sum(1 for _ in container.decode(stream)) == 5
    with open(result["table"], newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == list("01234")
    predictor = api.load_predictor(str(trained.folder))
    for row, frame in zip(rows, Video(source).frames(), strict=True):
        shares = predictor.predict(frame.pixels).shares()
        found = {
            name.removesuffix("_percent"): float(value) for name, value in row.items() if name.endswith("_percent")
        }
        assert {name for name, value in found.items() if value} == set(shares)
        assert found == pytest.approx({name: 100 * shares.get(name, 0) for name in found}, abs=1e-3)
    mean = np.mean([float(row["road_percent"]) for row in rows]) / 100
    assert result["shares"].get("road", 0) == pytest.approx(mean, abs=1e-5)


def test_progress_counts_frames(workplace, trained, gif, tmp_path):
    result = []
    api.predict_video(str(trained.folder), gif, tmp_path, on_progress=lambda *counts: result.append(counts))
    assert result == [(done, 5) for done in range(1, 6)]


def test_odd_sides_are_cut_to_even_ones(tmp_path):
    writer = VideoWriter(tmp_path / "odd.mp4", Fraction(5))
    writer.add(np.zeros((33, 51, 3), np.uint8))
    writer.close()
    assert next(Video(tmp_path / "odd.mp4").frames()).pixels.shape == (32, 50, 3)


def test_frames_too_large_for_players_are_downscaled(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "LARGEST_FRAME", 32 * 64)
    monkeypatch.setattr(writer_module, "LONGEST_SIDE", 90)
    for name, size, fitted in (("large", (64, 128), (32, 64)), ("long", (10, 180), (4, 90))):
        writer = VideoWriter(tmp_path / f"{name}.mp4", Fraction(5))
        writer.add(np.zeros((*size, 3), np.uint8))
        writer.close()
        assert next(Video(tmp_path / f"{name}.mp4").frames()).pixels.shape == (*fitted, 3)


def test_index_precedes_frames_in_the_file(mp4):
    data = mp4.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_a_video_is_rotated_by_its_metadata(mp4, tmp_path):
    data = bytearray(mp4.read_bytes())
    # The matrix of the track's header, ISO/IEC 14496-12: x' = -y, y' = x is a quarter turn clockwise.
    place = data.find(b"tkhd") + 44
    data[place : place + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "held.mp4").write_bytes(data)
    for turned, frame in zip(Video(tmp_path / "held.mp4").frames(), Video(mp4).frames(), strict=True):
        assert np.array_equal(
            turned.pixels, np.asarray(Image.fromarray(frame.pixels).transpose(Image.Transpose.ROTATE_270))
        )


def test_truncated_video_reports_missing_frames(workplace, trained, tmp_path, cityseg):
    random = np.random.default_rng(0)
    writer = VideoWriter(tmp_path / "whole.mp4", Fraction(12))
    for _ in range(60):
        writer.add(random.integers(0, 256, (32, 64, 3), np.uint8))
    writer.close()
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(0.8 * len(data))])
    finished = cityseg("clip", trained.folder, tmp_path / "cut.mp4", "--out", tmp_path / "out", "--json")
    result = json.loads(finished.out)
    assert 0 < result["frames"] < 60
    assert result["missing"] == 60 - result["frames"]
    finished = cityseg("clip", trained.folder, tmp_path / "cut.mp4", "--out", tmp_path / "out")
    assert "the clip ends early: its header promises 60 frames" in finished.out


def test_total_pixels_are_limited(workplace, trained, mp4, gif, folder, tmp_path):
    pixels = 5 * SIZE[0] * SIZE[1]
    for path in (mp4, gif, folder):
        assert len(list(Video(path, pixels).frames())) == 5
        with pytest.raises(DataError, match=r"expected at most 2\.3039e-05 gigapixels in all its frames"):
            list(Video(path, pixels - 1).frames())
    # The header is checked before any frame is decoded.
    with pytest.raises(DataError, match="cut it, or make its frames smaller"):
        Video(mp4, pixels - 1)


def test_other_files_are_rejected(workplace, trained, tmp_path, mp4, gif, monkeypatch):
    (tmp_path / "words.mp4").write_text("just some words")
    with pytest.raises(DataError, match=r"words\.mp4: expected a video \(mp4, .*\), .* found none that can be read"):
        Video(tmp_path / "words.mp4")
    with pytest.raises(DataError, match=r"word\.mp4: expected .*, found no such file; beside it lies words\.mp4"):
        Video(tmp_path / "word.mp4")
    (tmp_path / "street.png").write_bytes(b"no picture")
    with pytest.raises(
        DataError, match=r"street\.png: expected a video .*, a GIF or a folder of photos, found none that can be read"
    ):
        Video(tmp_path / "street.png")
    (tmp_path / "start.gif").write_bytes(gif.read_bytes()[:900])
    with pytest.raises(DataError, match=r"start\.gif: expected a whole GIF, .*, found a damaged one \(.*\); copy it"):
        list(Video(tmp_path / "start.gif").frames())
    (tmp_path / "empty").mkdir()
    for name, found in (
        ("", "found an empty one"),
        ("b.dng", r"found only b\.dng"),
        ("c.txt", r"found only b\.dng, c\.txt"),
        ("left/0.png", "found photos only in left; name that folder"),
    ):
        if name:
            (tmp_path / "empty" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "empty" / name).touch()
        with pytest.raises(DataError, match=rf"empty: expected a folder of photos \(\.jpg, .*\), {found}$"):
            photos_in(tmp_path / "empty")
    monkeypatch.setattr(reader, "LONGEST", 4)
    for path in (mp4, gif):
        with pytest.raises(DataError, match=r"expected a video of at most 4 frames, found 5; cut it"):
            Video(path)


def test_bad_frame_leaves_no_partial_output(workplace, trained, folder, tmp_path):
    (folder / "003.png").write_text("no photo")
    with pytest.raises(DataError, match=r"003\.png: expected a photo"):
        api.predict_video(str(trained.folder), folder, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_leaves_no_overlay(workplace, trained, mp4, tmp_path):
    out = tmp_path / "out"
    size = api.predict_video(str(trained.folder), mp4, out).video.stat().st_size
    handler, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for limit in (1000, size // 2, size - 1):
            shutil.rmtree(out)
            # Files that grow beyond the limit fail, as on a full disk.
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            with pytest.raises(
                DataError, match=r"street_overlay\.mp4: expected a place to write to, found File too large"
            ):
                api.predict_video(str(trained.folder), mp4, out)
            assert list(out.iterdir()) == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
