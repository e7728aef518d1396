"""The Predict page, through Streamlit's own test client."""

from __future__ import annotations

import io
import shutil
import zipfile
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.data.image_io import decode_photo
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import FITS
from cityseg.metrics.calibration import risk_coverage
from cityseg.runs import Run
from cityseg.ui.app import cache
from cityseg.ui.predict import downloads, model_view, uploads
from cityseg.ui.predict.sources import ImageSource
from tests.ui.pages import url_parameter, url_parameters

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture
def model(workplace: Path, trained: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of the only run."""
    monkeypatch.setenv("CITYSEG_RUNS", str(trained.folder.parent))
    cache._listing.clear()
    return trained.id


@pytest.fixture
def photo() -> bytes:
    """A JPEG of 96x60 of noise."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (60, 96, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def opened(**parameters: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in parameters.items():
        app.query_params[name] = value
    app.switch_page("pages/predict.py").run()
    assert not app.exception, app.exception[0].message
    return app


def shares_shown(app: AppTest) -> dict[str, str]:
    table = next(frame.value for frame in app.dataframe if "share" in frame.value)
    return dict(zip(table["class"], table["share"], strict=True))


def predicted(run: Run, photo: np.ndarray) -> dict[str, str]:
    shares = Predictor.load(run.checkpoint).predict(photo).shares()
    return {name: "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %" for name, share in shares.items()}


def test_first_frame_is_shown_and_named_in_the_url(model: str, trained: Run, streets: Path) -> None:
    app = opened(model=model)
    first = api.connect(str(streets)).splits["val"][0]
    view = api.frame_view(str(streets), "val", first.name)
    assert shares_shown(app) == predicted(trained, view.photo)
    parameters = [url_parameter(app, name) for name in ("model", "from", "split", "frame")]
    assert parameters == [model, "data", "val", first.name]
    prediction = Predictor.load(trained.checkpoint).predict(view.photo)
    scored = view.train_ids != 255
    accuracy = (prediction.train_ids == view.train_ids)[scored].mean()
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Pixel accuracy"] == f"{accuracy:.3f}"
    assert figures["Mean confidence"] == f"{100 * prediction.confidence.mean():.0f} %"
    assert ("unsure" in " ".join(warning.value for warning in app.warning)) == (prediction.confidence.mean() < 0.65)


def test_next_and_previous_step_through_the_frames(model: str, streets: Path) -> None:
    names = [frame.name for frame in api.connect(str(streets)).splits["val"]]
    app = opened(model=model)
    assert app.button(key="predict_previous").disabled
    app.button(key="predict_next").click().run()
    assert app.selectbox(key="predict_frame").value == names[1]
    assert url_parameter(app, "frame") == names[1]
    app.button(key="predict_previous").click().run()
    assert app.selectbox(key="predict_frame").value == names[0]


def test_link_opens_its_frame(model: str, streets: Path) -> None:
    name = api.connect(str(streets)).splits["test"][0].name
    app = opened(model=model, split="test", frame=name)
    assert app.selectbox(key="predict_frame").value == name
    assert app.button_group(key="predict_split").value == "test"


def test_uploaded_photo_is_predicted_and_damaged_one_reported(model: str, trained: Run, photo: bytes) -> None:
    app = opened(model=model, **{"from": "photos"})
    assert "Choose a photo" in app.info[0].value
    files = [("notes.jpg", b"not a photo at all", "image/jpeg"), ("photo.jpg", photo, "image/jpeg")]
    app.file_uploader(key="predict_uploader").set_value(files).run()
    assert not app.exception
    assert app.error[0].value.startswith("notes.jpg: expected a photo")
    assert shares_shown(app) == predicted(trained, decode_photo(photo))
    # The upload stays while another source is shown.
    app.button_group(key="predict_from").set_value("data").run()
    app.button_group(key="predict_from").set_value("photos").run()
    assert shares_shown(app) == predicted(trained, decode_photo(photo))


def test_empty_file_is_reported(model: str) -> None:
    app = opened(model=model, **{"from": "photos"})
    app.file_uploader(key="predict_uploader").set_value(("empty.png", b"", "image/png")).run()
    assert not app.exception
    assert "empty.png: expected a photo, found an empty file" in app.error[0].value
    assert not app.download_button


def test_downloads_equal_the_files_of_the_command_line(model: str, trained: Run, photo: bytes, tmp_path: Path) -> None:
    app = opened(model=model)
    assert [button.label for button in app.download_button] == [
        "Overlay",
        "Colours",
        "Label ids",
        "Shares",
        "All as zip",
    ]
    source = ImageSource("photo", "one photo", lambda: (decode_photo(photo), None))
    median = round(100 * np.median(Predictor.load(trained.checkpoint).predict(decode_photo(photo)).confidence))
    (tmp_path / "photo.jpg").write_bytes(photo)
    for number, (fit, flip, threshold) in enumerate([*product(FITS, (False, True), (0,)), ("stretch", False, median)]):
        (written,) = api.predict_photos(
            str(trained.folder),
            [tmp_path / "photo.jpg"],
            tmp_path / str(number),
            fit=fit,
            flip=flip,
            unknown=threshold / 100,
        )
        predict = partial(Predictor.load(trained.checkpoint).predict, fit=fit, flip=flip)
        files = {path.name: path.read_bytes() for path in (tmp_path / str(number)).iterdir()}
        assert set(files) == {f"photo_{kind}" for kind in ("overlay.png", "color.png", "labelIds.png", "classes.csv")}
        for name, content in files.items():
            kind = name.removeprefix("photo_")
            assert downloads.file_contents(source, predict, threshold, [kind]) == {kind: content}
    assert 0 < written["unknown"] < 1
    sources = [source, ImageSource("photo", "another photo", source.load)]
    content = downloads.zipped_files(sources, {"model": predict}, threshold)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        zipped = {name: archive.read(name) for name in archive.namelist()}
    assert zipped == files | {name.replace("photo", "photo-2"): content for name, content in files.items()}


def test_threshold_rejects_pixels_and_reports_their_share(model: str, trained: Run, streets: Path) -> None:
    view = api.frame_view(str(streets), "val", api.connect(str(streets)).splits["val"][0].name)
    prediction = Predictor.load(trained.checkpoint).predict(view.photo)
    threshold = 5 * int(20 * np.median(prediction.confidence)) + 5
    app = opened(model=model, unknown=str(threshold))
    assert app.select_slider(key="predict_unknown").value == str(threshold)
    below = (np.floor(prediction.confidence * 100) < threshold).mean()
    _, coverage, risk = risk_coverage(trained.detail("val").calibration)
    texts = " ".join(caption.value for caption in app.caption)
    assert f"**{100 * below:.1f} %** of this photo is unknown" in texts
    if coverage[threshold] > 0:
        assert f"about **{100 * risk[threshold]:.1f} %** are wrong on val, instead of {100 * risk[0]:.1f} %" in texts
    app.select_slider(key="predict_unknown").set_value("0").run()
    assert "unknown" not in url_parameters(app)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, None),
        ({"fit": "crop"}, "crop"),
        ({"mirror": "yes"}, "flip TTA"),
        ({"fit": "tiles", "mirror": "yes"}, "tiles and flip TTA"),
    ],
)
def test_val_statistics_come_with_a_caveat_if_measured_with_other_settings(
    model: str, settings: dict[str, str], named: str | None
) -> None:
    app = opened(model=model, unknown="20", ask="Risk and coverage", **settings)
    texts = [caption.value for caption in app.caption if "only a guide" in caption.value]
    sentence = f"without flip TTA, so with {named} these figures are only a guide."
    # Under the threshold, and under the curve.
    assert [caption.endswith(sentence) for caption in texts] == ([True, True] if named else [])


def test_missing_val_statistics_are_reported(model: str, trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "detail", lambda *_: None)
    monkeypatch.setattr(model_view, "_model_view", model_view._model_view.__wrapped__)
    app = opened(model=model, unknown="60", ask="Risk and coverage")
    assert "this model's val statistics are not stored" in " ".join(caption.value for caption in app.caption)
    assert f"`cityseg evaluate {model} --split val`" in app.info[0].value


def test_several_models_are_compared_side_by_side(
    workplace: Path, trained: Run, monkeypatch: pytest.MonkeyPatch, streets: Path
) -> None:
    runs = workplace / "runs"
    shutil.copytree(trained.folder, runs / "one")
    shutil.copytree(trained.folder, runs / "two")
    cache._listing.clear()
    app = opened(model="two,one,unknown", ask="Model agreement", fit="letterbox")
    assert app.multiselect(key="predict_models").value == ["two", "one"]
    assert url_parameter(app, "model") == "two,one"
    table = next(frame.value for frame in app.dataframe if "mean confidence" in frame.value)
    assert list(table["model"]) == ["two", "one"]
    texts = " ".join(words.value for words in app.markdown)
    assert "Both models agree on 100.0 % of the image." in texts
    assert "No connected region covers 0.1 % of the image." in texts
    view = api.frame_view(str(streets), "val", api.connect(str(streets)).splits["val"][0].name)
    expected = Predictor.load(trained.checkpoint).predict(view.photo, "letterbox")
    assert table["mean confidence"][0] == f"{100 * expected.confidence.mean():.0f} %"


def test_resize_modes_are_compared(model: str, trained: Run, streets: Path) -> None:
    app = opened(model=model, ask="Resize modes")
    view = api.frame_view(str(streets), "val", api.connect(str(streets)).splits["val"][0].name)
    predictor = Predictor.load(trained.checkpoint)
    maps = {fit: predictor.predict(view.photo, fit).train_ids for fit in ("stretch", "letterbox", "tiles")}
    texts = " ".join(words.value for words in app.markdown)
    for fit in ("letterbox", "tiles"):
        assert f"**{fit}** on {100 * (maps[fit] == maps['stretch']).mean():.1f} %" in texts


def test_photo_is_compared_with_the_val_frames(model: str, trained: Run, photo: bytes) -> None:
    app = opened(model=model, **{"from": "photos"})
    app.file_uploader(key="predict_uploader").set_value(("photo.jpg", photo, "image/jpeg")).run()
    pixels = decode_photo(photo)
    found = api.distribution_shift(model, pixels, Predictor.load(trained.checkpoint).predict(pixels))
    assert found is not None
    assert f"**{model}**: {found.sentence}" in [words.value for words in app.markdown]


def test_synthetic_scene_is_rendered_from_its_seed(model: str, trained: Run) -> None:
    app = opened(model=model, seed="7", **{"from": "drawn"})
    assert shares_shown(app) == predicted(trained, api.render_scene(7).photo)
    app.button(key="predict_seed_1").click().run()
    assert url_parameter(app, "seed") == "8"
    assert shares_shown(app) == predicted(trained, api.render_scene(8).photo)


def test_photos_work_without_a_dataset(model: str, trained: Run, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYSEG_DATA", "nowhere")
    app = opened(model=model)
    assert app.button_group(key="predict_from").options == [
        "Synthetic scene",
        "Your photos",
        "Camera",
        "Video",
    ]
    app.button_group(key="predict_from").set_value("photos").run()
    app.file_uploader(key="predict_uploader").set_value(("photo.jpg", photo, "image/jpeg")).run()
    assert shares_shown(app) == predicted(trained, decode_photo(photo))


def test_without_models_the_page_points_to_training(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "usable_models", lambda *_: [])
    app = opened()
    assert "no model yet" in app.info[0].value


def test_uploaded_photo_is_decoded_once_and_released(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def decode(data: bytes, name: str) -> np.ndarray:
        decoded.append(name)
        return decode_photo(data, name)

    monkeypatch.setattr(uploads, "decode_photo", decode)
    files = []
    for seed in (71, 72):
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 64, 3), np.uint8)).save(file, "PNG")
        files.append(("photo.png", file.getvalue(), "image/png"))
    app = opened(model=model, **{"from": "photos"})
    app.file_uploader(key="predict_uploader").set_value(files).run()
    assert decoded == ["photo.png", "photo-2.png"]
    assert all("pixels" not in vars(source) for source in app.session_state["predict uploads"].values())
    app.select_slider(key="predict_unknown").set_value("50").run()
    assert len(decoded) == 2


def test_repeated_names_are_numbered() -> None:
    assert api.distinct_names(["a.b", "a.b", "a", "a.b-2"]) == ["a.b", "a.b-2", "a", "a.b-2-2"]
    assert api.distinct_names(["a.b.jpg", "a.b.jpg", "a"], with_suffix=True) == ["a.b.jpg", "a.b-2.jpg", "a"]
