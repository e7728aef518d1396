"""Shared fixtures: a small synthetic dataset, one trained run, an isolated working folder, the command line."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Results are compared bit for bit, which a CPU with a fixed number of threads gives. Tensors this small gain nothing
# from a second thread, and on a busy machine the threads would wait for each other.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import numpy as np
import pytest
import torch

from cityseg import api, cli, config
from cityseg.config import ExperimentConfig
from cityseg.data.prepared.build_cache import SplitMeta
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.synthetic import synthesize
from cityseg.jobs import launcher
from cityseg.jobs.liveness import process_identity
from cityseg.runs import Run

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

TINY = {
    "image_size": (32, 64),
    "start_channels": 4,
    "depth": 1,
    "epochs": 3,
    "batch_size": 2,
    "half_size_epochs": 1,
    "precision": "float32",
    "learning_rate": 0.01,
}
"""A config that trains in a second and uses every part: flips, half sizes, class weights, Dice, one cycle."""


torch.set_num_threads(1)

# The number of cases of every property test; `make test-slow` and `make fuzz` choose the profile `fuzz`. The fast one
# draws the same cases each time, so that `make test` fails for changes of the code alone.
hypothesis.settings.register_profile(
    "fast",
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "fuzz", hypothesis.settings.get_profile("fast"), max_examples=10_000, print_blob=True
)
hypothesis.settings.load_profile("fast")


_LONGEST = (
    "browser/",
    "engine/test_processes",
    "engine/test_train",
    "engine/test_stopping",
    "jobs/",
    "demo/",
    "ui/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first; started last, they would keep one process busy after all others."""

    def rank(item: pytest.Item) -> int:
        place = item.path.relative_to(ROOT / "tests").as_posix()
        return next((rank for rank, name in enumerate(_LONGEST) if place.startswith(name)), len(_LONGEST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic dataset of 7 train, 2 val and 1 test frames at 64x128."""
    folder = tmp_path_factory.mktemp("drawn") / "streets"
    synthesize(folder, frames=10, seed=3, size=(64, 128))
    return folder


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streets: Path, session_cache: Path) -> Path:
    """An empty working folder with its own runs, data, home and wandb settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / ".netrc"))
    monkeypatch.setenv("CITYSEG_CACHE", str(session_cache))
    monkeypatch.setenv("CITYSEG_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("CITYSEG_DATA", str(streets))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


@pytest.fixture
def tiny() -> Callable[..., ExperimentConfig]:
    """Make a tiny config with some values changed."""
    return lambda **changes: config.build({**TINY, **changes})


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, streets: Path, session_cache: Path) -> Run:
    """One finished run of the tiny config; tests only read it."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(session_cache))
        return api.train(config.build(TINY), str(streets), name="tiny", runs=root).run


@pytest.fixture(scope="session")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 30 small synthetic frames, in ``runs/`` beside ``set/`` and ``cache/``; tests only read it."""
    folder = tmp_path_factory.mktemp("inspected")
    synthesize(folder / "set", frames=30, seed=5, size=(64, 128))
    settings = {**TINY, "epochs": 6, "batch_size": 4, "learning_rate": 0.02, "half_size_epochs": 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(folder / "cache"))
        return api.train(config.build(settings), str(folder / "set"), name="inspected", runs=folder / "runs").run


@dataclass
class Answer:
    """The outcome of a command line call."""

    code: int
    out: str
    err: str


@pytest.fixture
def cityseg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run ``cityseg WORDS...`` inside this process."""

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cityseg", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Answer(ended.value.code, captured.out, captured.err)

    return call


def _with_environment(environment: dict[str, str], work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    work(*arguments)


@pytest.fixture(scope="session")
def in_fresh() -> Callable[..., multiprocessing.process.BaseProcess]:
    """Start a module's function with arguments in a process that has this one's folder and environment, no more.

    A fork of the test process itself would have what earlier tests left there: memory that they freed, and PyTorch's
    record of threads that no fork takes along, on which it fails now and then.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "cityseg.api", "cityseg.cli", "cityseg.engine.train"])

    def start(work: Callable[..., object], *arguments: object) -> multiprocessing.process.BaseProcess:
        process = context.Process(target=_with_environment, args=(dict(os.environ), work, arguments))
        process.start()
        return process

    return start


@pytest.fixture
def cached_split() -> Callable[..., CachedSplit]:
    """Make a cached split of random frames in memory."""

    def make(frames: int = 5, size: tuple[int, int] = (16, 32), seed: int = 0, void: float = 0.1) -> CachedSplit:
        random = np.random.default_rng(seed)
        photos = random.integers(0, 256, (frames, *size, 3), dtype=np.uint8)
        labels = random.integers(0, 19, (frames, *size), dtype=np.uint8)
        labels[random.random(labels.shape) < void] = 255
        names = tuple(f"city_{index:06d}" for index in range(frames))
        return CachedSplit(photos, labels, SplitMeta(names, ("city",) * frames, f"seed {seed}", size), Path("nowhere"))

    return make


def _shared(name: str) -> Path:
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, which this machine does not have")
    return folder


@pytest.fixture(scope="session")
def cityscapes_fullres() -> Path:
    """4 train and 1 val frame, byte for byte as in the official archives."""
    return _shared("cityscapes_fullres")


@pytest.fixture(scope="session")
def cityscapes256() -> Path:
    """All fine frames at 256x256, as images/ and labels/."""
    return _shared("cityscapes256")


@pytest.fixture(scope="session")
def photos() -> Path:
    """Street photos from other cameras."""
    return _shared("photos")


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Poll a condition until it holds, and fail after a while."""

    def wait(condition: Callable[[], object], seconds: float = 240.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    return wait


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Start no process; return the ids of the runs that would start, in order, and ``watcher`` for a queue watcher.

    Such a run's process counts as alive, as this very process.
    """
    started: list[str] = []

    def start(arguments: list[str], log: Path, *, module: str = "cityseg", **_: object) -> int:
        started.append(
            "watcher" if module == "cityseg.jobs.queue_watcher" else arguments[arguments.index("--resume") + 1]
        )
        return os.getpid()

    monkeypatch.setattr(launcher, "start_detached", start)
    return started


@pytest.fixture
def running_as() -> Callable[[int], dict[str, object]]:
    """The status of a run that the process of this id is training here."""
    return lambda pid: {
        "state": "running",
        "pid": pid,
        "process_start": process_identity(pid),
        "host": socket.gethostname(),
    }
