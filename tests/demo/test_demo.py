"""The demo, through gradio's own client over a real connection."""

from __future__ import annotations

import html
import html.parser
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from cityseg import api, demo
from cityseg.classes import CLASS_NAMES, PALETTE, to_label_ids
from cityseg.data.image_io import decode_photo
from cityseg.errors import UsageError
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import FITS
from cityseg.runs import Run

PHOTO = np.kron(np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def called() -> Iterator[list[str]]:
    """Names and addresses of other machines that this process has contacted."""
    contacted: list[str] = []
    own = ("127.0.0.1", "localhost", "::1", None, "", "0.0.0.0")
    with pytest.MonkeyPatch.context() as patch:
        find, connect = socket.getaddrinfo, socket.socket.connect

        def noted_find(host: Any, *rest: Any, **options: Any) -> Any:
            if host not in own:
                contacted.append(str(host))
            return find(host, *rest, **options)

        def noted_connect(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and address[0] not in own:
                contacted.append(str(address[0]))
            return connect(self, address)

        # The client's own request to its makers; the environment variable is read too early to switch it off.
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        patch.setattr(socket, "getaddrinfo", noted_find)
        patch.setattr(socket.socket, "connect", noted_connect)
        yield contacted


@pytest.fixture(scope="module")
def offered(trained: Run) -> list[str]:
    """The models of the demo; tests add some while it runs."""
    return [str(trained.folder)]


@pytest.fixture(scope="module")
def address(offered: list[str], called: list[str]) -> Iterator[str]:
    with demo.running(offered, port=free_port(), examples=2) as where:
        yield where


@pytest.fixture(scope="module")
def client(address: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(address, verbose=False, analytics_enabled=False, download_files=tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def ask(client: Client) -> Callable[..., tuple[Any, ...]]:
    """Return a function that calls ``/predict`` for a file, by default with the initial settings."""

    def call(path: Path | str, **settings: Any) -> tuple[Any, ...]:
        answer = client.predict(photo=handle_file(path), api_name="/predict", **settings)
        assert isinstance(answer, tuple)
        return answer

    return call


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A JPEG with an orientation and its owner's name in the metadata."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "Jane Q. Public"
    Image.fromarray(PHOTO).save(tmp_path / "my photo.jpg", exif=exif)
    return tmp_path / "my photo.jpg"


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("fit", FITS)
def test_predictions_equal_those_of_the_command_line(ask, photo, trained, tmp_path, fit, flip):
    _, _, summary, _, shares, label_ids = ask(photo, fit=fit, flip=flip)
    (written,) = api.predict_photos(str(trained.folder), [photo], tmp_path / "out", fit=fit, flip=flip)
    assert Path(label_ids).read_bytes() == Path(written["files"]["labelIds"]).read_bytes()
    assert Path(label_ids).name == "my photo_labelIds.png"
    assert shares == pytest.approx(written["shares"])
    assert f"mean confidence {100 * written['mean_confidence']:.0f} %" in summary


def test_label_ids_are_those_of_the_model(ask, photo, trained):
    label_ids = np.asarray(Image.open(ask(photo)[-1]))
    predicted = Predictor.load(trained.checkpoint).predict(decode_photo(photo.read_bytes()))
    np.testing.assert_array_equal(label_ids, to_label_ids(predicted.train_ids))


def test_images_show_photo_and_classes(ask, photo, trained):
    (shown, overlay), classes, words, bars, shares, _ = ask(photo, opacity=1)
    train_ids = Predictor.load(trained.checkpoint).predict(decode_photo(photo.read_bytes())).train_ids
    pictures = [np.asarray(Image.open(path)).astype(int) for path in (shown, overlay)]
    # They are JPEGs, whose colours bleed where neighbours differ.
    assert np.abs(pictures[0] - decode_photo(photo.read_bytes())).mean() < 12
    assert np.abs(pictures[1] - PALETTE[train_ids]).mean() < 12
    assert [part["label"] for part in classes["annotations"]] == list(shares)
    for part in classes["annotations"]:
        picture = np.asarray(Image.open(part["image"]).convert("RGBA"))
        mask = picture[..., 3] > 0
        assert set(map(tuple, picture[mask])) == {(*PALETTE[CLASS_NAMES.index(part["label"])], 255)}
        assert mask.mean() == pytest.approx(shares[part["label"]])
    assert "64 × 96 pixels" in words
    assert all(f">{name}<" in bars for name in shares)


def test_results_contain_no_metadata_of_the_photo(ask, photo):
    (shown, overlay), classes, _, _, _, label_ids = ask(photo)
    for path in (shown, overlay, label_ids, classes["image"], *(part["image"] for part in classes["annotations"])):
        assert b"Jane" not in Path(path).read_bytes()
        assert not Image.open(path).getexif()


def png(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("1", size).save(file, "PNG")
    return file.getvalue()


KINDS = "expected a photo (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF), found another kind of file"


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("empty.png", b"", "expected a photo, found an empty file"),
        ("words.jpg", b"just some words", KINDS),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", KINDS),
        ("sky.png", png((10_000, 5_001)), "expected at most 50 megapixels, found 10000x5001; make it smaller first"),
        ("bomb.png", png((14_000, 14_000)), "expected at most 50 megapixels, found far more; make it smaller first"),
    ],
)
def test_invalid_photos_are_reported(ask, tmp_path, name, data, sentence):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AppError) as rejected:
        ask(tmp_path / name)
    assert str(rejected.value) == f"{name}: {sentence}"


def test_urls_are_not_fetched(ask, called):
    with pytest.raises(AppError) as rejected:
        ask("http://photos.example/street.jpg")
    assert str(rejected.value) == ("expected a photo file, found a URL; download the photo first and send the file")
    assert called == []


NOT_UPLOADED = (
    "expected an uploaded photo file, found something else; in Python, send handle_file(PATH) of gradio_client"
)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model": "unknown"}, "expected a model, one of tiny; found 'unknown'"),
        ({"model": ["tiny"]}, "expected a model, one of tiny; found ['tiny']"),
        ({"model": None}, "expected a model, one of tiny; found None"),
        ({"model": "<b>" * 30}, f"expected a model, one of tiny; found '{'<b>' * 19}<…"),
        ({"fit": "squeeze"}, "expected a fit, one of stretch, letterbox, crop, tiles; found 'squeeze'"),
        ({"fit": {"a": 1}}, "expected a fit, one of stretch, letterbox, crop, tiles; found {'a': 1}"),
        ({"flip": "no"}, "expected true or false for flip, found 'no'"),
        ({"opacity": 1.01}, "expected an opacity from 0 to 1, found 1.01"),
        ({"opacity": -1}, "expected an opacity from 0 to 1, found -1"),
        ({"opacity": "half"}, "expected an opacity from 0 to 1, found 'half'"),
        ({"opacity": True}, "expected an opacity from 0 to 1, found True"),
        ({"photo": None}, "expected a photo, found none; choose one, or click an example"),
        ({"photo": "street.jpg"}, NOT_UPLOADED),
        ({"photo": 7}, NOT_UPLOADED),
    ],
)
def test_invalid_settings_are_reported(client, photo, capfd, settings, sentence):
    with pytest.raises(AppError) as rejected:
        client.predict(**{"photo": handle_file(photo), "api_name": "/predict", **settings})
    assert html.unescape(str(rejected.value)) == sentence
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"meta": {"_type": "gradio.FileData"}},
        {"meta": {"_type": "gradio.FileData"}, "is_stream": True},
        {"meta": {"_type": "gradio.FileData"}, "size": "large"},
        {"meta": {"_type": "another"}},
        {"meta": "gradio.FileData"},
    ],
)
def test_files_of_the_server_are_not_read(address, photo, capfd, form):
    answer = post(address, [{"path": str(photo), **form}, "tiny", "stretch", False, 0.5])
    assert NOT_UPLOADED in answer
    assert '"success":false' in answer
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("place", [0, 1, 2])
def test_folders_are_rejected_in_place_of_photos(address, capfd, place):
    """gradio's own deletion of old files ended for good after such a request."""
    data: list[Any] = [None, "tiny", "stretch", False, 0.5]
    folder = {"path": os.environ["GRADIO_TEMP_DIR"], "meta": {"_type": "gradio.FileData"}}
    data[place] = [folder] if place == 2 else folder
    assert NOT_UPLOADED in post(address, data)
    assert "Traceback" not in capfd.readouterr().err


def test_missing_values_are_reported(address, capfd):
    assert "expected 5 values, found 1; see" in post(address, [None])
    assert "Traceback" not in capfd.readouterr().err


def test_new_model_is_found_on_request(offered, ask, photo, trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "newer")
    with pytest.raises(AppError):
        ask(photo, model="newer")
    offered.append(str(tmp_path / "newer"))
    try:
        assert "**newer** took" in ask(photo, model="newer")[2]
    finally:
        offered.remove(str(tmp_path / "newer"))
    # The default model stays the same, and the new one can be removed again.
    assert "**tiny** took" in ask(photo)[2]
    shutil.rmtree(tmp_path / "newer")


class Loaded(html.parser.HTMLParser):
    """Collects the addresses that a browser loads for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if tag != "a" and name in ("src", "href")]


def test_page_loads_nothing_from_other_hosts(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        page, policy = answer.read().decode(), answer.headers["content-security-policy"]
    loaded = Loaded()
    loaded.feed(page)
    assert loaded.addresses
    assert [where for where in loaded.addresses if "//" in where and not where.startswith(address)] == []
    assert "default-src 'self'" in policy
    assert "http" not in policy
    with urllib.request.urlopen(f"{address}/theme.css", timeout=10) as answer:
        style = answer.read().decode()
    assert "@import" not in style
    assert "url(http" not in style.replace('"', "").replace("'", "")


def test_synthetic_scenes_are_offered(address, ask, tmp_path):
    with urllib.request.urlopen(f"{address}/config", timeout=10) as answer:
        config = json.load(answer)
    assert config["analytics_enabled"] is False
    (samples,) = [part["props"]["samples"] for part in config["components"] if part["type"] == "dataset"]
    assert len(samples) == 2
    for (sample,) in samples:
        with urllib.request.urlopen(f"{address}/gradio_api/file={sample['path']}", timeout=10) as answer:
            (tmp_path / "scene.jpg").write_bytes(answer.read())
        assert Image.open(ask(tmp_path / "scene.jpg")[-1]).size == (512, 256)


def post(address: str, data: list[Any]) -> str:
    """Send values to ``/predict`` without the client; return the answer as text."""
    with urllib.request.urlopen(f"{address}/config", timeout=10) as answer:
        calls = json.load(answer)["dependencies"]
    (number,) = [call["id"] for call in calls if call["api_name"] == "predict"]
    body = json.dumps({"data": data, "fn_index": number, "session_hash": "left-open"}).encode()
    request = urllib.request.Request(
        f"{address}/gradio_api/queue/join", body, {"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
    with urllib.request.urlopen(f"{address}/gradio_api/queue/data?session_hash=left-open", timeout=10) as answer:
        return answer.read().decode()


def test_files_of_visitors_are_deleted(trained, photo, monkeypatch, wait_until):
    monkeypatch.setattr("cityseg.demo.cleanup.KEEP_SECONDS", 4)
    monkeypatch.setattr("cityseg.demo.cleanup.CLEANUP_SECONDS", 1)
    with demo.running([str(trained.folder)], port=free_port(), examples=1) as where:
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        examples = {path.read_bytes() for path in folder.rglob("*.jpg")}
        client = Client(where, verbose=False, analytics_enabled=False)
        client.predict(photo=handle_file(photo), api_name="/predict")

        def left() -> list[Path]:
            return [path for path in folder.rglob("*") if path.is_file() and path.read_bytes() not in examples]

        kept = next(path for path in left() if path.name == photo.name)
        wait_until(lambda: not left(), 20)
        left_open = {"path": str(kept), "meta": {"_type": "gradio.FileData"}}
        assert "expected a photo of the last 10 minutes, found a deleted one; upload it again" in post(
            where, [left_open, trained.id, "stretch", False, 0.5]
        )
        assert len(examples) == 1
        assert {path.read_bytes() for path in folder.rglob("*") if path.is_file()} == examples
    assert not folder.exists()


def test_best_models_come_first(workplace):
    found = demo.find_models()
    scores = [result.scores["test"]["macro"]["f1"] for result in found]
    assert {result.id for result in found} == {info.name for info in api.list_models()}
    assert scores == sorted(scores, reverse=True)
    assert [result.id for result in demo.find_models(["better-1", "experiment-1", "better-1"])] == [
        "better-1",
        "experiment-1",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--port", 0), "expected a port from 1 to 65535, found 0"),
        (("--examples", 13), "expected 0 to 12 examples, found 13"),
        (("--model", "no-such"), "unknown model 'no-such': expected a run id, a folder with model.json, or one of "),
        (
            ("--host", "192.0.2.1", "--port", 7860),
            "192.0.2.1:7860: expected an address of this machine and a free port, found Cannot assign requested "
            "address; choose others with --host and --port",
        ),
    ],
)
def test_invalid_options_are_reported(workplace, cityseg, words, sentence):
    answer = cityseg("demo", *words)
    assert answer.code == 2
    assert answer.err.startswith(f"cityseg: {sentence}")


def test_port_in_use_is_reported(address):
    port = int(address.rpartition(":")[2])
    with (
        pytest.raises(UsageError, match=r"expected an address of this machine and a free port, found Address already"),
        demo.running(port=port),
    ):
        pass


@pytest.mark.slow
def test_command_serves_until_sigterm(workplace, trained, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    port = free_port()
    words = ["demo", "--model", str(trained.folder), "--port", str(port), "--examples", "1", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cityseg", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"address": f"http://127.0.0.1:{port}"}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200
        assert list(temporary.glob("cityseg-demo-*"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not list(temporary.glob("cityseg-demo-*"))
    finally:
        process.kill()
        process.wait()
