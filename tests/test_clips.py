"""Films, GIFs and folders of photos, frame by frame."""

from __future__ import annotations

import csv
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from cityseg import api, clips
from cityseg.clips import Clip, FilmWriter, photos_in
from cityseg.errors import DataError

SIZE = (48, 96)


def frames(count: int = 5) -> list[np.ndarray]:
    """Smooth pictures, each of its own brightness."""
    ramp = np.tile(np.linspace(0, 100, SIZE[1]), (SIZE[0], 1))
    return [np.dstack([ramp + 20 * number] * 3).astype(np.uint8) for number in range(count)]


@pytest.fixture
def film(tmp_path):
    writer = FilmWriter(tmp_path / "street.mp4", Fraction(12))
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


@pytest.mark.parametrize(("kind", "rate"), [("film", 12), ("gif", 5), ("folder", 10)])
def test_frames_come_one_after_another(kind, rate, request):
    clip = Clip(request.getfixturevalue(kind))
    assert clip.length == 5
    assert clip.rate == rate
    read = list(clip.frames())
    assert [frame.shape for frame in read] == [(*SIZE, 3)] * 5
    for found, wanted in zip(read, frames(), strict=True):
        assert np.abs(found.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("kind", ["film", "gif", "folder"])
def test_an_overlay_and_a_table_come_out(kind, request, workplace, trained, tmp_path, cityseg):
    clip = request.getfixturevalue(kind)
    answer = cityseg("clip", trained.folder, clip, "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told["frames"] == 5
    with av.open(told["film"]) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.height, stream.width) == ("h264", *SIZE)
        assert sum(1 for _ in container.decode(stream)) == 5
    with open(told["table"], newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == list("01234")
    predictor = api.load_predictor(str(trained.folder))
    for row, frame in zip(rows, Clip(clip).frames(), strict=True):
        shares = predictor.predict(frame).shares()
        found = {
            name.removesuffix("_percent"): float(value) for name, value in row.items() if name.endswith("_percent")
        }
        assert {name for name, value in found.items() if value} == set(shares)
        assert found == pytest.approx({name: 100 * shares.get(name, 0) for name in found}, abs=1e-3)
    mean = np.mean([float(row["road_percent"]) for row in rows]) / 100
    assert told["shares"].get("road", 0) == pytest.approx(mean, abs=1e-5)


def test_progress_is_told(workplace, trained, gif, tmp_path):
    told = []
    api.predict_clip(str(trained.folder), gif, tmp_path, on_progress=lambda *counts: told.append(counts))
    assert told == [(done, 5) for done in range(1, 6)]


def test_odd_sides_lose_a_line(tmp_path):
    writer = FilmWriter(tmp_path / "odd.mp4", Fraction(5))
    writer.add(np.zeros((33, 51, 3), np.uint8))
    writer.close()
    assert next(Clip(tmp_path / "odd.mp4").frames()).shape == (32, 50, 3)


def test_what_is_no_clip_is_refused(workplace, trained, tmp_path, film, gif, monkeypatch):
    (tmp_path / "words.mp4").write_text("just some words")
    with pytest.raises(DataError, match=r"words\.mp4: expected a film \(mp4, .*\), found none that can be read \(.*"):
        Clip(tmp_path / "words.mp4")
    with pytest.raises(DataError, match=r"none\.mp4: expected a film .* found none that can be read \(No such file"):
        Clip(tmp_path / "none.mp4")
    (tmp_path / "street.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"street\.png: expected a film .*, a GIF or a folder of photos, found another"):
        Clip(tmp_path / "street.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: expected a folder of photos, found none in it; photos end in \.jpg"):
        photos_in(tmp_path / "empty")
    monkeypatch.setattr(clips, "LONGEST", 4)
    for path in (film, gif):
        with pytest.raises(DataError, match=r"expected a clip of at most 4 frames, found 5; cut it into shorter ones"):
            Clip(path)


def test_a_bad_frame_leaves_nothing_half_done(workplace, trained, folder, tmp_path):
    (folder / "003.png").write_text("no photo")
    with pytest.raises(DataError, match=r"003\.png: expected a photo"):
        api.predict_clip(str(trained.folder), folder, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
