"""Clips on the predict page, seen through Streamlit's own test client."""

from __future__ import annotations

import gc
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.data.synthetic import render
from cityseg.errors import DataError
from cityseg.figures.images.png import png
from cityseg.inference.video import FilmWriter
from cityseg.runs import Run
from cityseg.ui.app import background, cache
from cityseg.ui.predict import video_job, video_upload
from cityseg.ui.predict.video_upload import GivenClip

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture
def model(workplace: Path, trained: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the one run in the test's own place, whose temporary folder is the test's own too."""
    monkeypatch.setenv("CITYSEG_RUNS", str(trained.folder.parent))
    cache._results.clear()
    (workplace / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(workplace / "temp"))
    # A process of its own takes seconds to start; one test of it is enough.
    monkeypatch.setattr(video_job, "predict_clip_apart", api.predict_clip)
    return trained.id


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    street = np.asarray(render(4, size=(48, 160)).photo)
    return [street[:, 4 * number : 4 * number + 96] for number in range(6)]


@pytest.fixture
def film(workplace: Path, frames: list[np.ndarray]) -> Path:
    writer = FilmWriter(workplace / "drive.mp4", Fraction(12))
    for frame in frames:
        writer.add(frame)
    writer.close()
    return workplace / "drive.mp4"


def given(path: Path) -> GivenClip:
    return GivenClip(path.name, "film", {path.name: path.read_bytes()}, path.name)


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in {"from": "clip", **address}.items():
        app.query_params[name] = value
    app.switch_page("pages/predict.py").run()
    assert not app.exception, app.exception[0].message
    return app


def make(app: AppTest) -> video_job.Desk:
    """Press the button and await the end of the work."""
    app.button(key="predict_clip_make").click().run()
    desk: video_job.Desk = app.session_state["predict desk"]
    desk.making[0].work.thread.join(60)
    app.run()
    assert not app.exception, app.exception[0].message
    return desk


def figure(app: AppTest, label: str) -> str:
    return next(metric.value for metric in app.metric if metric.label == label)


def keys(elements: Any) -> list[str]:
    return [element.key for element in elements]


def test_a_film_comes_out_as_on_the_command_line(model: str, trained: Run, film: Path, workplace: Path) -> None:
    app = opened(model=model)
    assert "As soon as there is a film" in app.info[0].value
    app.file_uploader(key="predict_clip_film").set_value((film.name, film.read_bytes(), "video/mp4")).run()
    desk = make(app)
    wanted = api.predict_clip(str(trained.folder), film, workplace / "out")
    (found,) = desk.shelf._films.values()
    assert found.film == wanted.film.read_bytes()
    assert found.table == wanted.table.read_bytes()
    assert (figure(app, "Frames"), figure(app, "Length")) == ("6", "0.5 s")
    assert [button.label for button in app.download_button] == ["Overlay film", "Frames as CSV", "Both as zip"]
    table = next(frame.value for frame in app.dataframe if "confidence" in frame.value)
    assert list(table.columns[3:]) == list(wanted.shares)
    # Looking at something else and coming back loses nothing, and another way of looking is another film.
    app.button_group(key="predict_from").set_value("drawn").run()
    app.button_group(key="predict_from").set_value("clip").run()
    assert figure(app, "Frames") == "6"
    app.toggle(key="predict_mirror").set_value(True).run()
    assert "predict_clip_make" in keys(app.button)
    assert list((workplace / "temp").iterdir()) == []
    shelf, owner = desk.shelf, desk.owner
    del app, desk
    # What was there when a page had settled is passed over until it settles anew.
    gc.unfreeze()
    gc.collect()
    assert owner not in [name for name, _ in shelf._films]


def test_a_folder_of_photos_is_refused_for_one_bad_photo(
    model: str, trained: Run, frames: list[np.ndarray], workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [(f"walk/{place}.png", png(frame), "image/png") for place, frame in enumerate(frames)]
    below = ("walk/below/x.png", b"no photo", "image/png")
    app = opened(model=model, clip="folder")
    upload = app.file_uploader(key="predict_clip_folder")
    assert upload.accept_directory
    upload.set_value([*reversed(photos), below]).run()
    make(app)
    assert (figure(app, "Frames"), figure(app, "Length")) == ("6", "0.6 s")
    app.file_uploader(key="predict_clip_folder").set_value([*photos, ("walk/6.png", b"no photo", "image/png")]).run()
    make(app)
    assert app.error[0].value == (
        "walk/6.png: expected a photo (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF), found a file that is no such "
        "image"
    )
    app.file_uploader(key="predict_clip_folder").set_value(None).run()
    assert "**walk** is still here." in [caption.value for caption in app.caption]
    app.button(key="predict_clip_forget").click().run()
    assert "As soon as there is a film" in app.info[0].value
    app.file_uploader(key="predict_clip_folder").set_value([below]).run()
    assert "found them in folders below it alone; choose one of those" in app.error[0].value
    monkeypatch.setattr(video_upload, "_MOST_MEGABYTES", 0.01)
    app.file_uploader(key="predict_clip_folder").set_value([("walk/0.png", bytes(2_000_000), "image/png")]).run()
    assert "Expected at most 0.01 MB of photos, found 2 MB; make the photos smaller, or give fewer." in [
        error.value for error in app.error
    ]
    assert list((workplace / "temp").iterdir()) == []


def test_what_cannot_be_filmed_is_said_in_a_sentence(
    model: str, trained: Run, film: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "words.mp4").write_text("just some words")
    with pytest.raises(DataError, match=r"^words\.mp4: expected a film \(mp4, .* copy or export it again$"):
        video_job.make(given(workplace / "words.mp4"), str(trained.folder), "stretch", False, lambda *_: None)
    monkeypatch.setattr(video_job, "MOST_PIXELS", 20_000)
    with pytest.raises(DataError, match=r"^drive\.mp4: expected at most 2e-05 gigapixels in all its frames"):
        video_job.make(given(film), str(trained.folder), "stretch", False, lambda *_: None)
    assert list((workplace / "temp").iterdir()) == []


def test_one_film_at_a_time_and_those_who_leave_or_cancel_leave_nothing(
    model: str, trained: Run, film: Path, workplace: Path
) -> None:
    shelf = video_job.Shelf()
    first, second = video_job.Desk(shelf), video_job.Desk(shelf)
    with shelf.turn:
        for desk in (first, second):
            desk.begin("key", "title", given(film), str(trained.folder), "stretch", False)
        going = second.making[0].work
        first.making[0].work.stop()
        first.making[0].work.thread.join(60)
        assert isinstance(first.making[0].work.error, background.Stopped)
        assert going.thread.is_alive()
        assert going.done == 0
        del desk, second
        gc.collect()
        going.thread.join(60)
        assert isinstance(going.error, background.Stopped)
    assert not shelf.turn.locked()
    done: list[int] = []

    def cancel(frames: int, _: int) -> None:
        done.append(frames)
        if frames == 2:
            raise background.Stopped

    with pytest.raises(background.Stopped):
        video_job.make(given(film), str(trained.folder), "stretch", False, cancel)
    assert done == [1, 2]
    assert list((workplace / "temp").iterdir()) == []


def test_the_oldest_films_make_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(bytes(60))
    (tmp_path / "table").write_bytes(bytes(40))
    made = video_job.Film.read(api.ClipResult(1, 1.0, tmp_path / "film", tmp_path / "table", {}))
    assert made.size == 100
    monkeypatch.setattr(video_job, "MOST_BYTES", 250)
    shelf = video_job.Shelf()
    for name in ("a", "b"):
        shelf.put("visitor", name, made)
    assert shelf.find("visitor", "a") is made
    shelf.put("visitor", "c", made)
    assert [shelf.find("visitor", name) for name in "abc"] == [made, None, made]
    assert shelf.find("another visitor", "a") is None
