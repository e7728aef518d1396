from __future__ import annotations

import hashlib
import json
import os
import pickle

import pytest
import torch

from cityseg import checkpoint, runs
from cityseg.checkpoint import ModelCard
from cityseg.data.batches import Normalization
from cityseg.engine import resume
from cityseg.errors import CheckpointError
from cityseg.models import UNet

CPU = torch.device("cpu")
CARD = ModelCard("unet", {"start_channels": 2, "depth": 0}, (8, 8), Normalization.named("none"), 1, "nothing")


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code may catch it."""


def network(value: float) -> UNet:
    model = UNet(start_channels=2, depth=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


def save(run: runs.Run, number: int) -> None:
    resume.save(run, network(number), CARD, {"iteration": number})


def found(run: runs.Run) -> int:
    weights, state = resume.load(run, CPU)
    assert float(weights["head.weight"].mean()) == state["iteration"]
    return state["iteration"]


@pytest.fixture
def run(tiny, workplace):
    return runs.create_run(tiny(), "kept")


def test_a_fresh_run_has_nothing_to_go_on_from(run):
    assert resume.load(run, CPU) is None


def test_the_newest_of_several_is_found_and_one_more_is_kept(run):
    for number in (1, 2, 3):
        save(run, number)
        assert found(run) == number
    assert sorted(path.name for path in run.folder.iterdir() if path.is_dir()) == ["last", "previous"]
    (run.folder / "last").rename(run.folder / "elsewhere")
    assert found(run) == 2


CALLS = ["save_file", "write_card", "torch.save", "write_json", "rmtree", "rename 1", "rename 2"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_any_call_leaves_a_whole_checkpoint(run, monkeypatch, call, after):
    """Each step of writing the third checkpoint is cut off before or after it is done; then a fourth is written."""
    save(run, 1)
    save(run, 2)
    name, _, which = call.partition(" ")
    owner, attribute = {
        "save_file": (checkpoint, "save_file"),
        "write_card": (checkpoint, "write_card"),
        "torch.save": (torch, "save"),
        "write_json": (resume, "write_json"),
        "rmtree": (resume.shutil, "rmtree"),
        "rename": (os, "rename"),
    }[name]
    real, seen = getattr(owner, attribute), []

    def cut(*arguments, **options):
        seen.append(None)
        if len(seen) < int(which or 1):
            return real(*arguments, **options)
        if after:
            real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(owner, attribute, cut)
        with pytest.raises(Killed):
            save(run, 3)
    whole = {("write_json", True), ("rename 1", False), ("rename 1", True), ("rename 2", False), ("rename 2", True)}
    assert found(run) == (3 if (call, after) in whole else 2)
    save(run, 4)
    assert found(run) == 4
    assert sorted(path.name for path in run.folder.iterdir() if path.is_dir()) == ["last", "previous"]


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "state.pt", "seal.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_torn_checkpoint_is_noticed_and_the_one_before_it_used(run, caplog, name, damage):
    save(run, 1)
    save(run, 2)
    path = run.folder / "last" / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    assert found(run) == 1
    expected = f"{run.folder / 'last'} is damaged; resuming from the checkpoint before it"
    assert [record.message for record in caplog.records] == [expected]


def test_nothing_whole_left_is_said(run):
    save(run, 1)
    (run.folder / "last" / "state.pt").write_bytes(b"torn")
    with pytest.raises(CheckpointError) as refused:
        resume.load(run, CPU)
    assert str(refused.value) == (
        f"{run.folder / 'last'}: expected a complete checkpoint to resume from, found a damaged one; start a new run"
    )


@pytest.mark.parametrize("state", [b"", b"torn", pickle.dumps(os.getcwd), b"PK\x05\x06" + bytes(18)])
def test_a_sealed_checkpoint_with_a_bad_state_falls_back_to_the_one_before(run, caplog, state):
    save(run, 1)
    save(run, 2)
    last = run.folder / "last"
    (last / "state.pt").write_bytes(state)
    seal = json.loads((last / "seal.json").read_text())
    seal["state.pt"] = hashlib.sha256(state).hexdigest()
    (last / "seal.json").write_text(json.dumps(seal))
    assert found(run) == 1
    assert caplog.messages == [f"{last} is damaged; resuming from the checkpoint before it"]
