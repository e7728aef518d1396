from __future__ import annotations

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file

from cityseg import checkpoint
from cityseg.checkpoint import ModelCard
from cityseg.classes import CLASS_NAMES
from cityseg.data.batches import Normalization
from cityseg.errors import CheckpointError
from cityseg.models import UNet, count_parameters

ARGUMENTS = {"start_channels": 2, "depth": 1}


def network(**arguments: int) -> UNet:
    torch.manual_seed(1)
    model = UNet(**{**ARGUMENTS, **arguments})
    model(torch.rand(4, 3, 8, 8))  # moves the running statistics away from their first values
    return model.eval()


def card(**changes: object) -> ModelCard:
    values = {
        "architecture": "unet",
        "arguments": ARGUMENTS,
        "image_size": (32, 64),
        "normalization": Normalization.named("imagenet"),
        "parameters": count_parameters(network()),
        "trained_on": "synthetic scenes",
        "training": {"epoch": 3},
        "scores": {"val": {"macro": {"f1": None}}},
    }
    return ModelCard(**{**values, **changes})


@pytest.fixture
def folder(tmp_path):
    checkpoint.save(tmp_path / "model", network(), card())
    return tmp_path / "model"


def test_a_model_comes_back_as_it_was(folder):
    model, read = checkpoint.load(folder)
    assert read == card()
    assert read.classes == CLASS_NAMES
    assert not model.training
    photo = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(model(photo), network()(photo), rtol=0, atol=0)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]


def test_rounded_weights_load_as_float32(tmp_path, folder):
    checkpoint.save(tmp_path / "small", network(), card(), torch.bfloat16)
    stored = load_file(tmp_path / "small" / "model.safetensors")
    model, _ = checkpoint.load(tmp_path / "small")
    for name, value in network().state_dict().items():
        loaded = model.state_dict()[name]
        if value.is_floating_point():
            assert stored[name].dtype == torch.bfloat16
            assert loaded.dtype == torch.float32
            torch.testing.assert_close(loaded, value.bfloat16().float(), rtol=0, atol=0)
        else:
            assert stored[name].dtype == value.dtype == torch.int64
    size = (tmp_path / "small" / "model.safetensors").stat().st_size
    assert size < 0.75 * (folder / "model.safetensors").stat().st_size


def test_a_folder_without_checkpoint(tmp_path):
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: expected a checkpoint (model.safetensors and model.json), found no model.json"
    )
    assert refused.value.exit_code == 2


def test_missing_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(folder)
    assert str(refused.value) == f"{folder}: expected a checkpoint's model.safetensors, found none"


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_torn_weights(folder, keep):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(folder)
    assert str(refused.value).startswith(f"{weights}: expected safetensors weights, found a damaged file (")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"architecture": "unet"}', '{"normalization": 3}'])
def test_torn_cards(folder, text):
    (folder / "model.json").write_text(text)
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(folder)
    assert str(refused.value).startswith(
        f"{folder / 'model.json'}: expected a checkpoint's description, found something else ("
    )
    assert str(refused.value).endswith("; restore the file or train again")


def test_cards_with_unknown_keys_are_refused(folder):
    values = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**values, "colour": 1}))
    with pytest.raises(CheckpointError, match="unexpected keyword argument 'colour'"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": {"start_channels": 4, "depth": 1}},
        {"arguments": {"width": 3}},
        {"arguments": {"block": "convnext"}},
        {"arguments": {"upsampling": "pixels"}},
        {"architecture": "segnet"},
    ],
)
def test_weights_of_another_network(folder, changes):
    other = card(**changes)
    checkpoint.write_card(folder, other)
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(folder)
    assert str(refused.value) == (
        f"{folder}: expected weights of {other.architecture} {other.arguments}, found others; "
        "model.safetensors and model.json do not belong together"
    )


def test_other_classes_are_refused(folder):
    checkpoint.write_card(folder, card(classes=("cat", "dog")))
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(folder)
    assert str(refused.value) == f"{folder / 'model.json'}: expected the 19 Cityscapes classes, found 2 others"


class _Trap:
    def __reduce__(self):
        return (open, (_Trap.path, "w"))


@pytest.mark.parametrize(
    "write", [lambda path: path.write_bytes(pickle.dumps(_Trap())), lambda path: torch.save(_Trap(), path)]
)
def test_pickles_are_never_opened(folder, tmp_path, write):
    _Trap.path = str(tmp_path / "sprung")
    write(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="expected safetensors weights, found a damaged file"):
        checkpoint.load(folder)
    assert not (tmp_path / "sprung").exists()
