from __future__ import annotations

import json
import pickle
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cityseg import checkpoint
from cityseg.checkpoint import ModelCard
from cityseg.classes import CLASS_NAMES
from cityseg.data.batches import Normalization
from cityseg.errors import CheckpointError
from cityseg.metrics import summarize
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
        "scores": {"val": summarize(np.eye(19, dtype=np.int64)[None])},
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
    with pytest.raises(CheckpointError, match="unknown key 'colour', maybe of a newer version of cityseg"):
        checkpoint.load(folder)


def test_weights_of_another_network(folder):
    other = card(arguments={"start_channels": 4, "depth": 1})
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
    assert str(refused.value) == (
        f"{folder / 'model.json'}: expected a checkpoint's description, found something else (expected the 19 "
        "Cityscapes classes, found 2 others); restore the file or train again"
    )


IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"arguments": {"width": 3}}, "unknown argument 'width' of unet"),
        ({"arguments": {"block": "convnext"}}, "block: input should be 'double', "),
        ({"arguments": {"upsampling": "pixels"}}, "upsampling: input should be 'transposed' or 'bilinear', found"),
        ({"architecture": "segnet"}, "architecture: input should be 'unet', 'smp-unet' or 'lraspp', found 'segnet'"),
        ({"arguments": {"depth": 30}}, "depth: input should be less than or equal to 7, found 30"),
        ({"arguments": {"depth": True}}, "depth: input should be a valid integer, found True"),
        ({"arguments": {"start_channels": "8"}}, "start_channels: input should be a valid integer, found '8'"),
        ({"arguments": {"start_channels": 0}}, "start_channels: input should be greater than or equal to 1, found 0"),
        ({"image_size": [0, 64]}, "image_size.0: input should be greater than or equal to 8, found 0"),
        ({"image_size": [64.5, 128]}, "image_size.0: input should be a valid integer"),
        ({"image_size": [64]}, "image_size: list should have at least 2 items"),
        ({"image_size": [8, 10**6]}, "image_size.1: input should be less than or equal to 4096, found 1000000"),
        ({"image_size": [8, 8], "arguments": {"depth": 5}}, "image_size 8x8 is too small for depth 5"),
        ({"normalization": {**IMAGENET, "std": [0, 1, 1]}}, "normalization.std.0: input should be greater than"),
        ({"normalization": {**IMAGENET, "std": [1, 1]}}, "normalization.std: list should have at least 3 items"),
        ({"normalization": {**IMAGENET, "mean": [7, 0, 0]}}, "normalization.mean.0: input should be less than"),
        ({"temperature": 0}, "temperature: input should be greater than or equal to 0.01, found 0"),
        ({"temperature": -1.5}, "temperature: input should be greater than or equal to 0.01, found -1.5"),
        ({"temperature": None}, "temperature: input should be a valid number, found None"),
        ({"training": None}, "training: input should be a valid dictionary"),
        ({"scores": {"val": {"macro": {}}}}, "scores.val.frames: field required"),
        ({"parameters": -1}, "parameters: input should be greater than or equal to 0, found -1"),
    ],
)
def test_a_card_is_checked_before_the_weights_are_read(folder, changes, found):
    values = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**values, **changes}))
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(folder)
    start = f"{folder / 'model.json'}: expected a checkpoint's description, found something else ({found}"
    assert str(refused.value).startswith(start)


def test_numbers_that_are_not_finite_are_no_card(folder):
    text = (folder / "model.json").read_text()
    for number in ("NaN", "Infinity", "1e400"):
        (folder / "model.json").write_text(text.replace('"temperature": 1.0', f'"temperature": {number}'))
        with pytest.raises(CheckpointError, match=f"found something else .expected a number, found {number}"):
            checkpoint.load(folder)


def test_a_network_far_larger_than_its_weights_is_refused_before_it_takes_memory(folder):
    largest = {"start_channels": 256, "depth": 7}  # 10**11 weights
    checkpoint.write_card(folder, card(arguments=largest, image_size=(2048, 4096)))
    begun = time.perf_counter()
    with pytest.raises(CheckpointError, match="do not belong together"):
        checkpoint.load(folder)
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize(
    ("name", "value"),
    [("head.bias", float("nan")), ("head.weight", float("inf")), ("down.0.1.running_var", -1.0)],
)
def test_weights_that_make_no_prediction_are_refused(folder, name, value):
    weights = load_file(folder / "model.safetensors")
    name = next(key for key in weights if key == name or (name.startswith("down") and key.endswith("running_var")))
    weights[name] = weights[name].clone()
    weights[name].view(-1)[0] = value
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(folder)
    assert str(refused.value) == (
        f"{folder / 'model.safetensors'}: expected finite weights, found NaN, infinity or a negative variance in "
        f"{name}; restore the file or train again"
    )


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
