from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cityseg import api, checkpoint, runs, tracking
from cityseg.classes import CLASS_NAMES
from cityseg.engine.step import learning_rate
from cityseg.errors import UsageError


def records(data: bytes):
    """Yield the protobuf records of a .wandb file: a LevelDB log in blocks of 32 KiB behind a 7 byte header."""
    from wandb.proto import wandb_internal_pb2

    assert data[:4] == b":W&B"
    position, whole = 7, b""
    while position + 7 <= len(data):
        room = 32768 - position % 32768
        if room < 7:
            position += room
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        if position + 7 + length > len(data):
            return  # still being written
        whole += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def written(wait_until):
    """Read a .wandb file, which the client's own process may still be closing when the run has ended."""

    def read_all(path: Path) -> list[object]:
        found: list[object] = []

        def is_whole() -> bool:
            found[:] = records(path.read_bytes())
            return any(record.WhichOneof("record_type") == "exit" for record in found)

        wait_until(is_whole, 30)
        return found

    return read_all


MEDIA = ("val/probes", "val/confusion")


def test_an_offline_run_holds_every_figure(tiny, workplace, written):
    result = api.train(tiny(tracking="offline", epochs=2, group="seeds"), name="logged")
    (path,) = result.run.folder.glob("wandb/offline-run-*/run-logged.wandb")
    assert not (workplace / "wandb").exists()
    steps: dict[int, dict[str, float]] = {}
    group = None
    for record in written(path):
        group = record.run.run_group or group
        if record.WhichOneof("record_type") == "history":
            values = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
            figures = {key: value for key, value in values.items() if key[0] != "_" and not key.startswith(MEDIA)}
            steps[int(values["_step"])] = {key: float(value) for key, value in figures.items()}
    assert group == "seeds"
    history = result.run.history()
    assert set(steps) == {line["step"] for line in history}
    for line in history:
        logged = steps[line["step"]]
        if line["kind"] == "step":
            assert logged["train/loss"] == line["loss"]
            assert logged["train/learning_rate"] == learning_rate(tiny(epochs=2), line["step"] - 1, 8)
        else:
            assert logged["epoch"] == line["epoch"]
            assert logged["val/loss"] == line["val_loss"]
            assert logged["val/macro/f1"] == line["val"]["macro"]["f1"]
            assert logged["val/car/iou"] == line["val"]["per_class"]["car"]["iou"]
            assert logged["val/road/support"] == line["val"]["per_class"]["road"]["support"]
    assert checkpoint.read_card(result.run.folder / "best").training["recipe"]["tracking"] == "offline"


def test_an_offline_run_holds_pictures_matrix_and_model(tiny, workplace, written):
    run = api.train(tiny(tracking="offline", epochs=1), name="seen").run
    (folder,) = run.folder.glob("wandb/offline-run-*")
    probes: dict[str, object] = {}
    artifacts = {}
    best = {}
    for record in written(folder / "run-seen.wandb"):
        if record.WhichOneof("record_type") == "history":
            values = {"/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            probes = {
                key.removeprefix("val/probes/"): value for key, value in values.items() if key.startswith("val/probes/")
            } or probes
        elif record.WhichOneof("record_type") == "artifact":
            artifacts[record.artifact.type] = record.artifact
        elif record.WhichOneof("record_type") == "summary":
            best |= {item.key: item.value_json for item in record.summary.update if item.key.startswith("best/")}

    assert probes["captions"] == list(run.confusions("val").frames)
    for name, masks in zip(probes["captions"], probes["all_masks"], strict=True):
        truth, prediction = (read(folder / "files" / masks[which]["path"]) for which in ("truth", "prediction"))
        assert (prediction == read(run.probes()[name][-1])).all()
        frames = api.prepare(None, (32, 64))["val"]
        assert (truth == frames.labels[frames.meta.frames.index(name)]).all()
    assert len(list((folder / "files" / "media" / "images" / "val").glob("probes_*.png"))) == len(probes["captions"])

    (table,) = (folder / "files" / "media" / "table" / "val").glob("confusion_table_*.json")
    cells = {(truth, predicted): pixels for truth, predicted, pixels in json.loads(table.read_text())["data"]}
    total = run.confusions("val", "last").matrices.sum(0)
    assert {(CLASS_NAMES[row], CLASS_NAMES[column]): pixels for (row, column), pixels in np.ndenumerate(total)} == cells

    model = artifacts["model"]
    assert model.name == "seen"
    assert {entry.path for entry in model.manifest.contents} == {"model.safetensors", "model.json"}
    assert {entry.local_path for entry in model.manifest.contents} == {
        str(run.folder.absolute() / "best" / entry.path) for entry in model.manifest.contents
    }
    scores = checkpoint.read_card(run.folder / "best").scores
    assert json.loads(best["best/test/f1"]) == scores["test"]["macro"]["f1"]


def test_online_without_a_key_fails_before_the_first_step(tiny, workplace):
    with pytest.raises(UsageError) as refused:
        api.train(tiny(tracking="online"), name="online")
    sentence = "tracking=online expects a wandb API key, found none; run 'wandb login' or use tracking=offline"
    assert str(refused.value) == sentence
    run = runs.find_run("online")
    assert (run.status()["state"], run.status()["error"]) == ("failed", sentence)
    assert run.history() == []
    assert not (run.folder / "last").exists()


_LOGGED_IN = """
from cityseg import config, tracking
class Recorder:
    def __init__(self, config, run, mode):
        print(mode)
tracking.WandbTracker = Recorder
tracking.start(config.build({"tracking": "online"}), None)
"""


@pytest.fixture
def service(workplace, monkeypatch):
    """A wandb service that accepts connections and never answers, with a key where ``wandb login`` stores it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        (workplace / "netrc").write_text(f"machine {address}\n  login user\n  password {'a' * 40}\n")
        (workplace / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(workplace / "netrc"))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://{address}")
        yield listener


def test_key_from_wandb_login_is_found_without_a_request(service):
    """Only the step that would reach the service is replaced."""
    answer = subprocess.run([sys.executable, "-c", _LOGGED_IN], capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["online"]
    service.settimeout(0)
    with pytest.raises(BlockingIOError):  # no connection was made
        service.accept()


@pytest.mark.slow
def test_refused_key_fails_the_run_with_one_sentence(service, tiny, workplace):
    def refuse() -> None:
        while True:
            try:
                call, _ = service.accept()
            except OSError:  # the fixture has closed the service
                return
            with call:
                call.recv(65536)
                call.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    threading.Thread(target=refuse, daemon=True).start()
    (workplace / "recipe.json").write_text(tiny(tracking="online").model_dump_json())
    # A process of its own: the client reads the service's address once.
    words = ["train", "--config", "recipe.json", "--name", "unheard"]
    answer = subprocess.run([sys.executable, "-m", "cityseg", *words], capture_output=True, text=True, timeout=240)
    assert answer.returncode == 2
    # The client's own reporting may add a line of its own behind ours.
    (sentence,) = [line for line in answer.stderr.splitlines() if line.startswith("cityseg: ")]
    assert sentence.startswith("cityseg: tracking=online expects wandb to begin a run, found ")
    assert sentence.endswith("; use tracking=offline and 'wandb sync' later, or tracking=none")
    assert "Traceback" not in answer.stderr
    assert runs.find_run("unheard").status()["state"] == "failed"


_NONE = """
import sys
from cityseg import cli
sys.argv = ["cityseg", "train", "--config", "recipe.json", "--json"]
try:
    cli.main()
except SystemExit as ended:
    assert ended.code == 0
assert "ignite" in sys.modules
assert "wandb" not in sys.modules
"""


def test_none_imports_no_wandb(tiny, workplace):
    (workplace / "recipe.json").write_text(tiny(epochs=1).model_dump_json())
    answer = subprocess.run([sys.executable, "-c", _NONE], capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, answer.stderr


EPOCH = tracking.EpochRecord(1, 1, None, {}, np.zeros((19, 19), int), ())


@pytest.mark.parametrize(
    "report", [lambda tracker: tracker.log_epoch(EPOCH), lambda tracker: tracker.log_model("nowhere", {})]
)
def test_failed_recording_does_not_end_the_run(report, caplog):
    tracker = object.__new__(tracking.WandbTracker)
    tracker._run = object()
    report(tracker)
    report(tracker)
    tracker.finish()
    assert [record.message for record in caplog.records] == ["wandb stopped recording this run; training goes on"]


def test_broken_service_ends_tracking_but_not_the_run(caplog):
    class Broken:
        calls = 0

        def log(self, values, step):
            Broken.calls += 1
            raise ConnectionError("gone")

    tracker = object.__new__(tracking.WandbTracker)
    tracker._run = Broken()
    for step in range(3):
        tracker.log({"train/loss": 1.0}, step)
    tracker.finish()
    assert Broken.calls == 1
    assert [record.message for record in caplog.records] == ["wandb stopped recording this run; training goes on"]


def test_tracking_none_records_nothing(tiny, workplace):
    tracker = tracking.start(tiny(), runs.create_run(tiny(), "quiet"))
    assert type(tracker) is tracking.Tracker
    tracker.log({"train/loss": 1.0}, 1)
    tracker.log_epoch(EPOCH)
    tracker.log_model(workplace, {})
    tracker.finish()
    assert sorted(path.name for path in (workplace / "runs" / "quiet").iterdir()) == ["config.json", "status.json"]
