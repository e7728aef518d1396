"""Videos on the Predict page, through Streamlit's own test client."""

from __future__ import annotations

import gc
import tempfile
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.data.synthetic import render
from cityseg.errors import DataError
from cityseg.figures.images.png import png
from cityseg.inference.video import VideoWriter
from cityseg.runs import Run
from cityseg.ui.app import background, cache
from cityseg.ui.predict import video_job, video_upload
from cityseg.ui.predict.video_upload import VideoUpload

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture
def model(workplace: Path, trained: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of the only run; the temporary folder is the test's own."""
    monkeypatch.setenv("CITYSEG_RUNS", str(trained.folder.parent))
    cache._listing.clear()
    (workplace / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(workplace / "temp"))
    # A process takes seconds to start; tests/api/models/test_video_job.py covers it.
    monkeypatch.setattr(video_job, "predict_video_in_process", api.predict_video)
    return trained.id


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    scene = np.asarray(render(4, size=(48, 160)).photo)
    return [scene[:, 4 * number : 4 * number + 96] for number in range(6)]


@pytest.fixture
def video(workplace: Path, frames: list[np.ndarray]) -> Path:
    writer = VideoWriter(workplace / "drive.mp4", Fraction(12))
    for frame in frames:
        writer.add(frame)
    writer.close()
    return workplace / "drive.mp4"


def upload_of(path: Path) -> VideoUpload:
    return VideoUpload(path.name, "video", ((path.name, path.read_bytes()),), path.name)


def opened(**parameters: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in {"from": "clip", **parameters}.items():
        app.query_params[name] = value
    app.switch_page("pages/predict.py").run()
    assert not app.exception, app.exception[0].message
    return app


def make(app: AppTest) -> video_job.VideoSession:
    """Press the button and wait for the end of the job."""
    app.button(key="predict_clip_make").click().run()
    session: video_job.VideoSession = app.session_state["predict video session"]
    session.jobs[0].work.thread.join(60)
    app.run()
    assert not app.exception, app.exception[0].message
    return session


def figure(app: AppTest, label: str) -> str:
    return next(metric.value for metric in app.metric if metric.label == label)


def keys(elements: Any) -> list[str]:
    return [element.key for element in elements]


def test_video_equals_that_of_the_command_line(model: str, trained: Run, video: Path, workplace: Path) -> None:
    app = opened(model=model)
    assert "Upload a video" in app.info[0].value
    app.file_uploader(key="predict_clip_video").set_value((video.name, video.read_bytes(), "video/mp4")).run()
    session = make(app)
    wanted = api.predict_video(str(trained.folder), video, workplace / "out")
    (found,) = session.store._videos.values()
    assert found.video == wanted.video.read_bytes()
    assert found.table == wanted.table.read_bytes()
    assert (figure(app, "Frames"), figure(app, "Length")) == ("6", "0.5 s")
    assert [button.label for button in app.download_button] == ["Overlay video", "Frames as CSV", "Both as zip"]
    table = next(frame.value for frame in app.dataframe if "confidence" in frame.value)
    assert list(table.columns[3:]) == list(wanted.shares)
    # The video stays while another source is shown, and other settings make another video.
    app.button_group(key="predict_from").set_value("drawn").run()
    app.button_group(key="predict_from").set_value("clip").run()
    assert figure(app, "Frames") == "6"
    app.toggle(key="predict_mirror").set_value(True).run()
    assert "predict_clip_make" in keys(app.button)
    assert list((workplace / "temp").iterdir()) == []
    store, owner = session.store, session.owner
    del app, session
    # Objects of an idle page are frozen until the next run.
    gc.unfreeze()
    gc.collect()
    assert owner not in [name for name, _ in store._videos]


def test_folder_with_one_damaged_photo_is_rejected(
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
        "walk/6.png: expected a photo (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF), found another kind of file"
    )
    app.button_group(key="predict_clip").set_value("video").run()
    app.button_group(key="predict_clip").set_value("folder").run()
    assert "**walk** is still here." in [caption.value for caption in app.caption]
    app.button(key="predict_clip_forget").click().run()
    assert "Upload a video" in app.info[0].value
    app.file_uploader(key="predict_clip_folder").set_value([below]).run()
    assert "found photos in its subfolders only; choose one of those" in app.error[0].value
    monkeypatch.setattr(video_upload, "_MAX_MEGABYTES", 0.01)
    app.file_uploader(key="predict_clip_folder").set_value([("walk/0.png", bytes(2_000_000), "image/png")]).run()
    assert "Expected at most 0.01 MB of photos, found 2 MB; make the photos smaller, or upload fewer." in [
        error.value for error in app.error
    ]
    assert list((workplace / "temp").iterdir()) == []


def test_invalid_videos_are_reported(
    model: str, trained: Run, video: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "words.mp4").write_text("just some words")
    with pytest.raises(DataError, match=r"^words\.mp4: expected a video \(mp4, .* copy or export it again$"):
        video_job.predict(upload_of(workplace / "words.mp4"), str(trained.folder), "stretch", False, lambda *_: None)
    monkeypatch.setattr(video_job, "MAX_PIXELS", 20_000)
    with pytest.raises(DataError, match=r"^drive\.mp4: expected at most 2e-05 gigapixels in all its frames"):
        video_job.predict(upload_of(video), str(trained.folder), "stretch", False, lambda *_: None)
    assert list((workplace / "temp").iterdir()) == []


def test_one_video_at_a_time_and_no_files_left_after_cancelling_or_leaving(
    model: str, trained: Run, video: Path, workplace: Path
) -> None:
    store = video_job.VideoStore()
    first, second = video_job.VideoSession(store), video_job.VideoSession(store)
    predict = partial(video_job.predict, upload_of(video), str(trained.folder), "stretch", False)
    with store.turn:
        for session in (first, second):
            session.start("key", "title", predict)
        waiting = second.jobs[0].work
        first.jobs[0].work.stop()
        first.jobs[0].work.thread.join(60)
        assert isinstance(first.jobs[0].work.error, background.Stopped)
        assert waiting.thread.is_alive()
        assert waiting.done == 0
        del session, second
        gc.collect()
        waiting.thread.join(60)
        assert isinstance(waiting.error, background.Stopped)
    assert not store.turn.locked()
    done: list[int] = []

    def cancel(frames: int, _: int) -> None:
        done.append(frames)
        if frames == 2:
            raise background.Stopped

    with pytest.raises(background.Stopped):
        predict(cancel)
    assert done == [1, 2]
    assert list((workplace / "temp").iterdir()) == []


def test_the_oldest_videos_are_dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "video").write_bytes(bytes(60))
    (tmp_path / "table").write_bytes(bytes(40))
    made = video_job.OverlayVideo.read(api.VideoResult(1, 1.0, tmp_path / "video", tmp_path / "table", {}), "a")
    assert made.size == 100
    monkeypatch.setattr(video_job, "MAX_BYTES", 250)
    store = video_job.VideoStore()
    for name in ("a", "b"):
        store.put("session", name, made)
    assert store.find("session", "a") is made
    store.put("session", "c", made)
    assert [store.find("session", name) for name in "abc"] == [made, None, made]
    assert store.find("another session", "a") is None


def test_connection_is_lost_after_the_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    now, open_pages = [100.0], {"page"}
    server = SimpleNamespace(is_active_session=lambda session: session in open_pages)
    monkeypatch.setattr(video_job.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(video_job, "get_script_run_ctx", lambda: SimpleNamespace(session_id="page"))
    monkeypatch.setattr(video_job.runtime, "exists", lambda: True)
    monkeypatch.setattr(video_job.runtime, "get_instance", lambda: server)
    connection = video_job.Connection()
    now[0] += 1000
    assert not connection.is_lost()
    open_pages.clear()
    now[0] += video_job.GRACE_SECONDS - 1
    assert not connection.is_lost()
    now[0] += 2
    assert connection.is_lost()
    open_pages.add("page")
    assert not connection.is_lost()
