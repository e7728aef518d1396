from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from cityseg import config
from cityseg.config import ExperimentConfig, presets
from cityseg.errors import UsageError

FIRST_STUDY = {
    # name: (height, width), start channels, depth, epochs, batch, optimiser steps for 2,975 frames
    "experiment-1": ((64, 128), 8, 2, 5, 256, 60),
    "experiment-2": ((64, 128), 16, 3, 7, 256, 84),
    "experiment-3": ((128, 256), 16, 4, 10, 128, 240),
}


@pytest.mark.parametrize("name", FIRST_STUDY)
def test_presets_repeat_the_first_study(name):
    size, channels, depth, epochs, batch, steps = FIRST_STUDY[name]
    preset = presets.preset(name)
    assert preset.preset == name
    assert (preset.image_size, preset.start_channels, preset.depth) == (size, channels, depth)
    assert (preset.epochs, preset.batch_size) == (epochs, batch)
    assert math.ceil(2975 / preset.batch_size) * preset.epochs == steps
    assert (preset.optimizer, preset.learning_rate, preset.weight_decay) == ("adam", 1e-3, 0.0)
    assert (preset.schedule, preset.class_weights, preset.dice_weight) == ("constant", "none", 0.0)
    assert (preset.normalization, preset.flip, preset.half_size_epochs) == ("none", False, 0)
    assert preset.precision == "pure-bfloat16"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_better_presets_keep_network_size_and_epochs(number):
    study, better = presets.preset(f"experiment-{number}"), presets.preset(f"better-{number}")
    for field in ("image_size", "start_channels", "depth", "epochs", "architecture"):
        assert getattr(study, field) == getattr(better, field)
    assert better.precision == "bfloat16"


def test_every_preset_builds_and_is_described():
    assert set(presets.PRESETS) >= set(FIRST_STUDY)
    for name, words in presets.PRESETS.items():
        assert presets.preset(name).preset == name
        assert words
    with pytest.raises(UsageError) as refused:
        presets.preset("experiment-9")
    assert str(refused.value) == f"unknown preset 'experiment-9': expected one of {', '.join(presets.PRESETS)}"


def test_configs_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        presets.preset("better-1").epochs = 7


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"epoch": 3},
            f"unknown setting 'epoch': did you mean epochs? expected one of {', '.join(ExperimentConfig.model_fields)}",
        ),
        ({"epochs": 0}, "epochs: input should be greater than or equal to 1, found 0"),
        ({"learning_rate": 0}, "learning_rate: input should be greater than 0, found 0"),
        ({"flip": "perhaps"}, "flip: expected true or false, found 'perhaps'"),
        ({"image_size": (64, 4)}, "image_size.1: input should be greater than or equal to 8, found 4"),
        ({"tracking": "yes"}, "tracking: input should be 'none', 'offline' or 'online', found 'yes'"),
        ({"learning_rate": float("nan")}, "learning_rate: input should be a finite number, found nan"),
        (
            {"image_size": (64, 128), "depth": 6},
            "image_size 64x128 is too small for depth 6: expected at least 128 pixels on each side; "
            "use a larger image_size or a smaller depth",
        ),
        (
            {"image_size": (64, 128), "depth": 5, "half_size_epochs": 1},
            "half_size_epochs needs an image_size of at least 128 pixels on each side at depth 5",
        ),
        ({"epochs": 2, "half_size_epochs": 3}, "half_size_epochs is 3, more than the 2 epochs of the run"),
        ({"architecture": "lraspp", "stem": 2}, "stem: expected architecture unet, found lraspp; use the default"),
        (
            {"architecture": "lraspp", "image_size": (16, 64)},
            "image_size 16x64 is too small for lraspp: expected at least 32 pixels on each side; "
            "use a larger image_size",
        ),
        (
            {"focal_gamma": 2, "label_smoothing": 0.1},
            "focal_gamma and label_smoothing contradict each other: one raises confidence, the other lowers it; "
            "set one of them to 0",
        ),
        (
            {"cross_entropy_weight": 0, "dice_weight": 0},
            "expected a loss, found cross_entropy_weight, dice_weight and lovasz_weight all 0; raise one of them",
        ),
        (
            {"architecture": "smp-unet", "deep_supervision": 0.4, "block": "residual"},
            "block, deep_supervision: expected architecture unet, found smp-unet; use the default",
        ),
        (
            {"architecture": "smp-unet", "image_size": (64, 32), "depth": 0, "start_channels": 8},
            "image_size 64x32 is too narrow for smp-unet in bfloat16: expected more than 32 pixels of width, also in "
            "half-size epochs, or precision float32; with fewer, processors with AMX compute wrong values",
        ),
        ({"label_doubt": 0.1}, "label_doubt: expected a teacher to rate the labels, found none; name a teacher"),
        (
            {"teacher": "best-3", "teacher_weight": 0},
            "expected a teacher with an effect, found teacher_weight and label_doubt both 0; "
            "raise one of them or leave the teacher out",
        ),
        (
            {"warmup_steps": 5},
            "warmup_steps: expected a schedule other than one-cycle, which warms up over warmup_share; "
            "set warmup_steps to 0",
        ),
        (
            {"ema_decay": 0.9, "precision": "pure-bfloat16"},
            "ema_decay needs weights finer than bfloat16, which would round small updates away; "
            "use precision=bfloat16 or float32",
        ),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(values, sentence):
    with pytest.raises(UsageError) as refused:
        config.build(values)
    assert str(refused.value) == sentence
    assert refused.value.exit_code == 2


def test_smallest_image_size_of_a_depth():
    assert config.build({"image_size": (128, 128), "depth": 6}).image_size == (128, 128)
    assert config.build({"image_size": (128, 128), "depth": 5, "half_size_epochs": 1}).half_size_epochs == 1


def test_teacher_for_label_doubt_alone():
    assert config.build({"teacher": "best-3", "teacher_weight": 0, "label_doubt": 0.1}).label_doubt == 0.1


def test_settings_override():
    start = presets.preset("better-1")
    changed = config.override(
        start, ["learning_rate=0.5", "image_size=32x48", "flip=False", "group=seeds and more", "epochs = 3"]
    )
    assert config.differences(start, changed) == {
        "learning_rate": (6e-3, 0.5),
        "image_size": ((64, 128), (32, 48)),
        "flip": (True, False),
        "group": ("", "seeds and more"),
        "epochs": (5, 3),
    }
    assert config.override(start, ["image_size=[32, 48]"]).image_size == (32, 48)
    assert config.override(start, []) == start
    assert start.epochs == 5
    with pytest.raises(UsageError) as refused:
        config.override(start, ["epochs"])
    assert str(refused.value) == "expected KEY=VALUE, found 'epochs'; for example learning_rate=0.003"
    with pytest.raises(UsageError, match="unknown setting 'lr'"):
        config.override(start, ["lr=1"])


@pytest.mark.parametrize("text", ["128", "128x", "x256", "0x256", "-1x2", "128,256", "1.5x2", "axb", ""])
def test_invalid_sizes_are_refused(text):
    with pytest.raises(UsageError) as refused:
        config.parse_size(text)
    assert str(refused.value) == (
        f"expected a size as HxW (height x width in pixels, for example 128x256), found {text!r}"
    )


def test_sizes():
    assert config.parse_size("128x256") == (128, 256)
    assert config.parse_size("64X7") == (64, 7)


def test_config_files(tmp_path):
    wanted = presets.preset("better-2")
    path = tmp_path / "recipe.json"
    path.write_text(wanted.model_dump_json())
    assert config.load(path) == wanted
    path.write_text(json.dumps({"config": wanted.model_dump(mode="json"), "host": "somewhere"}))
    assert config.load(path) == wanted


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "expected a configuration file, found none (No such file or directory)"),
        *[
            (content, f"expected a JSON object of settings, found something else ({reason}")
            for content, reason in (
                (b"{", "Expecting property name"),
                (b"\xff\xfe\x00", "'utf-8' codec can't decode"),
                (b"[1]", "expected a JSON object, found list); 'cityseg train' writes such a file"),
            )
        ],
    ],
)
def test_unsuitable_files(tmp_path, content, sentence):
    path = tmp_path / "recipe.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        config.load(path)
    assert str(refused.value).startswith(f"{path}: {sentence}")
