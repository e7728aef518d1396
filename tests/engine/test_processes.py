"""Runs over two real processes that talk over gloo, as ``torchrun`` starts them."""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from cityseg import api, cli, distributed
from cityseg.api.training import train
from cityseg.config import build
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine import step as step_module
from cityseg.engine import train as training
from cityseg.engine.evaluate import evaluate
from cityseg.errors import UsageError
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.metrics import frame_confusions
from cityseg.models import arguments_of, build_model
from cityseg.models.distributed_norm import synchronise_statistics
from cityseg.runs import find_run


def torchrun(*words: object) -> subprocess.CompletedProcess[str]:
    """Run words in two processes."""
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@dataclass
class Pair:
    """What two processes of a run left: exit codes and what they printed."""

    codes: list[int]
    out: str
    err: str


def as_they_are(rank: int) -> None:
    """Change nothing in a process before its run."""


@pytest.fixture
def pair(workplace, unused_port, in_fresh) -> Callable[..., Pair]:
    """Run ``cityseg WORDS...`` in two processes with the variables that torchrun sets, which itself takes longer."""

    def call(*words: object, before: Callable[[int], None] = as_they_are) -> Pair:
        both = [in_fresh(_run, rank, unused_port, words, before) for rank in range(2)]
        for process in both:
            process.join(240)
            process.kill()
        out, err = ("".join(Path(f"{rank}.{kind}").read_text() for rank in range(2)) for kind in ("out", "err"))
        return Pair([process.exitcode for process in both], out, err)

    return call


def _run(rank: int, port: int, words: tuple[object, ...], before: Callable[[int], None]) -> None:
    local = {"LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in {"RANK": rank, "WORLD_SIZE": 2, **local}.items()})
    sys.argv = ["cityseg", *map(str, words)]
    before(rank)
    out, err = (Path(f"{rank}.{kind}") for kind in ("out", "err"))
    with out.open("w") as stdout, err.open("w") as stderr, redirect_stdout(stdout), redirect_stderr(stderr):
        cli.main()


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


RECIPE = {
    "batch_size": 3,  # of 7 frames: the last batch of an epoch is a single frame, and one process has none of it
    "block": "residual",  # biases under a batch normalisation have no gradient but rounding, which Adam makes steps of
    "lovasz_weight": 0.5,
    "cutmix": 0.5,
    "scale_max": 2.0,
    "clip_norm": 1.0,
    "ema_decay": 0.9,
    "teacher": "best-1",
    "label_doubt": 0.1,
    "deep_supervision": 0.4,
}


def stop_second(rank: int) -> None:
    """Let the second process get SIGTERM while the fourth step is computed."""
    make, steps = step_module.make_train_step, iter(range(1, 1000))

    def signalling(*arguments):
        step = make(*arguments)

        def one(*batch):
            if next(steps) == 4 and rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return step(*batch)

        return one

    step_module.make_train_step = signalling


def test_two_processes_stop_and_resume_as_one_would(tiny, workplace, streets, pair):
    """SIGTERM reaches the second process alone; resumed by torchrun, the run ends where a single process ends."""
    (workplace / "recipe.json").write_text(tiny(**RECIPE).model_dump_json())
    stopped = pair("train", "--config", "recipe.json", "--name", "two", "--json", before=stop_second)
    assert stopped.codes == [0, 0], stopped.err
    answer = json.loads(stopped.out)  # one process speaks
    assert (answer["id"], answer["state"]) == ("two", "stopped")
    assert torch.load("runs/two/last/state.pt", weights_only=True)["iteration"] == 4

    resumed = torchrun("-m", "cityseg", "train", "--resume", "two", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["state"] == "finished"
    assert resumed.stderr.count("run two in") == 1
    assert [path.name for path in Path("runs").iterdir() if path.is_dir()] == ["two"]

    two, one = find_run("two"), api.train(tiny(**RECIPE), str(streets), name="one").run
    assert (two.describe()["processes"], one.describe()["processes"]) == (2, 1)
    for mine, theirs in zip(two.history(), one.history(), strict=True):
        assert (mine["kind"], mine["step"], mine["epoch"]) == (theirs["kind"], theirs["step"], theirs["epoch"])
        name = "loss" if mine["kind"] == "step" else "val_loss"
        assert mine[name] == pytest.approx(theirs[name], rel=1e-3)
    for split in ("val", "test"):
        assert two.confusions(split).frames == one.confusions(split).frames
        assert (two.confusions(split).matrices == one.confusions(split).matrices).all()
        measured = api.evaluate("two", str(streets), split)
        assert measured["per_class"] == api.find_result("two").scores[split]["per_class"]


LOSSES = {
    "double": {},
    "residual": {"lovasz_weight": 1.0, "dice_weight": 0.0},
    "depthwise": {"focal_gamma": 2.0, "class_weights": "none"},
}
CPU = torch.device("cpu")


def losses_gradients_and_statistics_are_those_of_the_whole_batch():
    random = torch.Generator().manual_seed(1)
    share = torch.rand(19, generator=random).softmax(0).numpy()
    for frames in (5, 1):
        for block, settings in LOSSES.items():
            photos = torch.randn(frames, 3, 16, 32, generator=random)
            labels = torch.randint(0, 19, (frames, 16, 32), generator=random).byte()
            labels[0, :9] = 255
            config = build({"start_channels": 2, "depth": 1, "block": block, **settings})
            torch.manual_seed(0)
            alone = build_model("unet", arguments_of(config))
            spread = synchronise_statistics(copy.deepcopy(alone), CPU)
            assert list(spread.state_dict()) == list(alone.state_dict())
            value = SegmentationLoss.of(config, share)(alone(photos), labels)
            value.backward()
            own = distributed.shard(frames)
            mine = SegmentationLoss.of(config, share, spread=True)(spread(photos[own]), labels[own])
            mine.backward()
            distributed.average_gradients(list(spread.parameters()))
            torch.testing.assert_close(mine, value)
            for one, two in zip(alone.parameters(), spread.parameters(), strict=True):
                torch.testing.assert_close(two.grad, one.grad, rtol=1e-3, atol=1e-5)
            for one, two in zip(alone.buffers(), spread.buffers(), strict=True):
                torch.testing.assert_close(two, one)


def evaluation_is_in_the_order_of_the_frames():
    random = np.random.default_rng(0)
    photos = random.integers(0, 256, (40, 16, 32, 3), dtype=np.uint8)
    labels = random.integers(0, 19, (40, 16, 32), dtype=np.uint8)
    split = DeviceSplit(CachedSplit(photos, labels, None, None), CPU)
    torch.manual_seed(0)
    model = build_model("unet", {"start_channels": 2, "depth": 1}).eval()
    normalization = Normalization.named("none")
    result = evaluate(model, split, normalization, loss=SegmentationLoss(), keep=(39, 3, 17))
    with torch.no_grad():
        logits = [model(normalization.apply(part)) for part in split.photos.split(16)]
    predictions = torch.cat(logits).argmax(1)
    assert (result.confusions == frame_confusions(split.labels, predictions).numpy()).all()
    assert (result.kept == predictions[[39, 3, 17]].numpy()).all()
    parts = [SegmentationLoss()(part, truth) for part, truth in zip(logits, split.labels.split(16), strict=True)]
    assert result.loss == float(torch.stack(parts).mean())


def words_go_round():
    rank = distributed.rank()
    assert (distributed.count(), distributed.is_first()) == (2, rank == 0)
    assert (distributed.shard(5), distributed.shard(1)) == [(slice(0, 3), slice(0, 1)), (slice(3, 5), slice(1, 1))][
        rank
    ]
    assert distributed.collect_items([10 * n for n in distributed.dealt_items(range(5))]) == [0, 10, 20, 30, 40]
    assert distributed.all_gather_objects(rank) == [0, 1]
    assert distributed.all_reduce_max(7 if rank else 3) == 7
    assert distributed.broadcast_from_first(lambda: f"from {rank}") == "from 0"


def check_and_fail(rank: int) -> None:
    """Instead of a training: all checks in both processes, then no memory in the second."""

    def fit(trainer):
        words_go_round()
        losses_gradients_and_statistics_are_those_of_the_whole_batch()
        evaluation_is_in_the_order_of_the_frames()
        print("all checks passed", flush=True)
        if rank == 1:
            raise MemoryError
        distributed.all_reduce_max(0)

    training.Trainer.fit = fit


def test_processes_agree_and_one_that_fails_ends_all_with_its_reason(tiny, workplace, pair):
    (workplace / "recipe.json").write_text(tiny().model_dump_json())
    failed = pair("train", "--config", "recipe.json", "--name", "large", before=check_and_fail)
    assert failed.out.count("all checks passed") == 2, failed.err
    assert failed.codes == [1, 1]
    sentence = (
        "large: expected enough memory for a step, found it exhausted; lower batch_size (now 2) or image_size. "
        "The last good weights are kept"
    )
    assert failed.err.count(f"cityseg: {sentence}") == 1
    status = find_run("large").status()
    assert (status["state"], status["error"]) == ("failed", sentence)


def kill_second(rank: int) -> None:
    if rank == 1:
        training.Trainer.fit = lambda trainer: os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_ends_all(tiny, workplace, pair):
    (workplace / "recipe.json").write_text(tiny().model_dump_json())
    killed = pair("train", "--config", "recipe.json", "--name", "killed", before=kill_second)
    assert killed.codes == [1, -signal.SIGKILL]
    assert find_run("killed").status()["error"] == (
        "killed: expected an answer from all 2 processes, found one that died without an error; look at its output and "
        "resume the run. The last good weights are kept"
    )


def stop_one(leaving: int, rank: int) -> None:
    """Let one process get SIGTERM as soon as it looks at the data."""
    look = train.data_info

    def info(*arguments):
        if rank == leaving:
            os.kill(os.getpid(), signal.SIGTERM)
        return look(*arguments)

    train.data_info = info


@pytest.mark.parametrize("leaving", [0, 1])
def test_a_stop_that_one_process_hears_while_data_is_prepared(tiny, workplace, pair, leaving):
    (workplace / "recipe.json").write_text(tiny().model_dump_json())
    stopped = pair("train", "--config", "recipe.json", "--name", "early", "--json", before=partial(stop_one, leaving))
    assert stopped.codes == [0, 0], stopped.err
    assert json.loads(stopped.out)["state"] == "stopped"
    assert find_run("early").status()["state"] == "stopped"


def test_single_process_functions_return_their_arguments():
    x, model = torch.ones(3), build_model("unet", {"start_channels": 2, "depth": 0})
    assert distributed.all_reduce_sum(x) is x
    assert distributed.all_gather(x) == [x]
    assert synchronise_statistics(model, torch.device("cpu")) is model
    assert not [layer for layer in model.modules() if type(layer).__name__ == "CpuSyncBatchNorm2d"]
    assert distributed.shard(5) == slice(0, 5)
    assert distributed.collect_items(distributed.dealt_items("abc")) == ["a", "b", "c"]
    assert (distributed.count(), distributed.rank(), distributed.is_first()) == (1, 0, True)
    assert distributed.reported_failure() is None


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError) as refused, distributed.process_group():
        pass
    assert str(refused.value) == (
        "expected at most one process for each of this machine's 2 GPUs, found 4; use --nproc-per-node 2"
    )
