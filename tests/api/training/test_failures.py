"""Failing runs: every failure is real, is reported in a sentence, and leaves a checkpoint to resume from."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from cityseg import api, cli, runs
from cityseg.api.training.failures import explained
from cityseg.config import ExperimentConfig
from cityseg.engine import resume
from cityseg.engine import step as step_module
from cityseg.engine import train as training
from cityseg.errors import TrainingError, UsageError
from cityseg.runs import Run, create_run, find_run

EPOCH = 4
"""Steps in an epoch of the tiny recipe."""


def before_step(patch: pytest.MonkeyPatch, wanted: int, act: Callable[[], None]) -> None:
    """Call a function just before a step of the next training."""
    make, steps = step_module.make_train_step, iter(range(1, 1000))

    def making(*arguments):
        step = make(*arguments)

        def one(*batch):
            if next(steps) == wanted:
                act()
            return step(*batch)

        return one

    patch.setattr(step_module, "make_train_step", making)


def exit_code(process: BaseProcess) -> int | None:
    """Wait for a process and return how it ended."""
    process.join(120)
    process.kill()
    return process.exitcode


def expect_failed(run: Run, sentence: str, step: int) -> None:
    """Check that the run records why it failed, and that its last whole checkpoint is that of ``step``."""
    status = run.status()
    assert (status["state"], status["error"]) == ("failed", sentence)
    kept = resume.load(run, torch.device("cpu"))
    assert kept is not None
    assert kept[1]["iteration"] == step
    assert all(weights.isfinite().all() for weights in kept[0].values())


def test_too_large_learning_rate_fails_the_run(tiny, workplace, streets, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "learning_rate", lambda config, step, steps: 1e-3 if step < EPOCH else 1e30)
        with pytest.raises(TrainingError) as failed:
            api.train(tiny(), str(streets), name="wild")
    sentence = (
        "wild: the loss became nan by step 8; lower learning_rate (now 0.01) or use precision=float32. "
        "The last good weights are in best/"
    )
    assert str(failed.value) == sentence
    expect_failed(find_run("wild"), sentence, EPOCH)
    assert api.train(None, resume="wild").state == "finished"


def train_in_little_memory(recipe: ExperimentConfig, data: str) -> None:
    """Train; after the first epoch, which is at half size, the process may not grow any more."""

    def close() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + 2**21
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

    with pytest.MonkeyPatch.context() as patch:
        before_step(patch, 2, close)
        with pytest.raises(TrainingError):
            api.train(recipe, data, name="large")


def test_exhausted_memory_fails_the_run(tiny, workplace, streets, in_fresh):
    recipe = tiny(image_size=(128, 256), start_channels=16, batch_size=7, epochs=2)
    assert exit_code(in_fresh(train_in_little_memory, recipe, str(streets))) == 0
    sentence = (
        "large: expected enough memory for a step, found it exhausted; lower batch_size (now 7) or image_size. "
        "The last good weights are kept"
    )
    expect_failed(find_run("large"), sentence, 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path, left: int) -> None:
    """Leave only so many bytes free."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, file.tell() - left))


@pytest.mark.parametrize("left", [0, 24 * 1024])
def test_full_disk_fails_the_run(tiny, workplace, streets, small_disk, monkeypatch, left):
    """Without a byte left, even the reason has no room; with a little, the next checkpoint is what does not fit."""
    with monkeypatch.context() as patch:
        before_step(patch, 2 * EPOCH + 1, lambda: fill(small_disk, left))
        with pytest.raises(TrainingError) as failed:
            api.train(tiny(), str(streets), name="full", runs=small_disk)
    sentence = f"full: expected room on the disk of {small_disk}, found it full; free some and resume the run"
    assert str(failed.value) == sentence
    run = find_run("full", small_disk)
    expect_failed(run, sentence, 2 * EPOCH)
    (small_disk / "filler").unlink()
    assert api.train(None, resume="full", runs=small_disk).state == "finished"


def test_library_messages_on_full_disks_and_memory_are_recognised(tiny, workplace):
    run = create_run(tiny(), "run")
    full = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert "found it full" in str(explained(full, run, 2))
    for words in (
        "[enforce fail at alloc_cpu.cpp:114] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to",
        "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: not enough memory: you tried to",
        "could not create a primitive",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ):
        assert "found it exhausted" in str(explained(RuntimeError(words), run, 2))
    bug = RuntimeError("shapes do not match")
    assert explained(bug, run, 2) is bug


def test_training_survives_deleted_data_and_resuming_reports_it(trained, tiny, workplace, streets, monkeypatch):
    """Training holds its splits in memory; only a resumed run needs the data again, and reports that."""
    shutil.copytree(streets, workplace / "lent")
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))

    def take_away() -> None:
        for file in (workplace / "cache").glob("*/*.npy"):
            os.truncate(file, 0)
        shutil.rmtree(workplace / "cache")
        shutil.rmtree(workplace / "lent")

    with monkeypatch.context() as patch:
        before_step(patch, EPOCH + 2, take_away)
        whole = api.train(tiny(), "lent", name="whole")
    assert whole.state == "finished"
    assert [line["loss"] for line in whole.run.history() if "loss" in line] == [
        line["loss"] for line in trained.history() if "loss" in line
    ]

    shutil.copytree(streets, workplace / "lent")
    with monkeypatch.context() as patch:
        before_step(patch, EPOCH + 2, lambda: (take_away(), os.kill(os.getpid(), signal.SIGTERM)))
        assert api.train(tiny(), "lent", name="stopped").state == "stopped"
    with pytest.raises(UsageError) as refused:
        api.train(None, resume="stopped")
    assert str(refused.value) == "lent: expected a folder with leftImg8bit/ and gtFine/, found no such folder"
    expect_failed(find_run("stopped"), str(refused.value), EPOCH + 2)


@pytest.mark.parametrize("step", [2, 2 * EPOCH])
def test_deleted_run_folder_ends_the_training(tiny, workplace, streets, monkeypatch, step):
    before_step(monkeypatch, step, lambda: shutil.rmtree(workplace / "runs" / "lost"))
    with pytest.raises(TrainingError) as failed:
        api.train(tiny(), str(streets), name="lost")
    assert str(failed.value) == (
        f"lost: expected the run's folder {runs.runs_root() / 'lost'}, found it deleted; start a new run"
    )
    assert not (workplace / "runs" / "lost").exists()


def train_until_a_signal(number: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        before_step(patch, 6, lambda: os.kill(os.getpid(), number))
        sys.argv = ["cityseg", "train", "--config", "recipe.json", "--name", "polite"]
        cli.main()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_run_with_exit_code_zero(tiny, workplace, in_fresh, number):
    (workplace / "recipe.json").write_text(tiny().model_dump_json())
    assert exit_code(in_fresh(train_until_a_signal, number)) == 0
    run = find_run("polite")
    assert (run.status()["state"], run.status()["error"]) == ("stopped", None)
    kept = resume.load(run, torch.device("cpu"))
    assert kept is not None
    assert kept[1]["iteration"] == 6
