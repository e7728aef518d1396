"""Starting from the weights of another model."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from cityseg import api, checkpoint
from cityseg.api.results.folders import shipped_root
from cityseg.api.training.create_run import new_run, pretrained_inputs
from cityseg.config import build
from cityseg.config.presets import PRESETS, preset
from cityseg.data.batches import Normalization
from cityseg.engine.init_weights import initial_weights
from cityseg.errors import DataError, UsageError
from cityseg.jobs.liveness import process_identity
from cityseg.models import UNet, arguments_of
from cityseg.runs import find_run, provenance

STILL = {"learning_rate": 1e-30, "weight_decay": 0, "epochs": 1}
"""Steps too small to move a weight: what such a run keeps is what it began with."""


def saved(folder, **settings):
    """Write a small checkpoint and return its network and recipe."""
    recipe = build({"start_channels": 4, "depth": 1, "block": "separable", "upsampling": "bilinear", **settings})
    torch.manual_seed(0)
    model = UNet(**arguments_of(recipe)).eval()
    plain = Normalization.named("imagenet")
    card = checkpoint.ModelCard("unet", arguments_of(recipe), recipe.image_size, plain, 0, "nothing")
    checkpoint.save(folder, model, card)
    return model, recipe


def test_a_run_starts_from_the_model_it_names_which_may_then_go_away(trained, tiny, workplace, streets):
    shutil.copytree(trained.folder, workplace / "origin")
    new_run(tiny(**STILL, initial="origin"), str(streets), "still")
    shutil.rmtree(workplace / "origin")
    assert api.train(None, resume="still").state == "finished"
    began = load_file(trained.folder / "best" / "model.safetensors")
    ended = load_file(find_run("still").folder / "best" / "model.safetensors")
    weights = [name for name in began if "running" not in name and "num_batches" not in name]
    assert weights
    for name in weights:
        torch.testing.assert_close(ended[name], began[name], rtol=0, atol=0)


def test_the_average_of_the_weights_starts_there_too(trained, tiny, workplace, streets):
    api.train(tiny(**STILL, initial=str(trained.folder), ema_decay=0.9), str(streets), name="average")
    began = load_file(trained.folder / "best" / "model.safetensors")
    ended = load_file(find_run("average").folder / "best" / "model.safetensors")
    torch.testing.assert_close(ended["head.weight"], began["head.weight"])


@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 2)])
def test_another_stem_answers_alike_for_a_frame_of_another_size(tmp_path, before, after):
    model, recipe = saved(tmp_path, stem=before)
    other = UNet(**arguments_of(recipe) | {"stem": after}).eval()
    other.load_state_dict(initial_weights(build({**recipe.model_dump(), "stem": after}), tmp_path))
    torch.manual_seed(1)
    coarse = torch.randn(1, 3, 32, 64)
    small = F.interpolate(coarse, scale_factor=before / 2, mode="nearest")
    large = F.interpolate(coarse, scale_factor=after / 2, mode="nearest")
    with torch.no_grad():
        torch.testing.assert_close(other.stem(large), model.stem(small), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"block": "residual"}, "another block in ORIGIN; choose the settings it was trained with"),
        ({"start_channels": 8, "depth": 2}, "another depth and start_channels in ORIGIN; choose the settings it was "),
        ({"architecture": "lraspp", "block": "double", "upsampling": "transposed"}, "found another architecture and "),
        ({"stem": 2}, "another stem in ORIGIN; choose the settings it was trained with (stems of stride 2 and 4 "),
        (
            {"normalization": "none"},
            "expected a model with normalization none, found other means in ORIGIN; set normaliz",
        ),
        ({"initial": "nowhere"}, "unknown model 'nowhere': expected a run id"),
    ],
)
def test_models_that_do_not_fit_are_refused_before_there_is_a_run(tmp_path, workplace, streets, settings, words):
    origin = tmp_path / "origin"
    _, recipe = saved(origin)
    with pytest.raises(UsageError) as refused:
        new_run(build({**recipe.model_dump(), "initial": str(origin), **settings}), str(streets), "refused")
    assert words.replace("ORIGIN", str(origin)) in str(refused.value)
    assert not (workplace / "runs").exists()


def test_a_stem_that_an_older_card_calls_true_is_one_of_stride_2(tmp_path):
    model, recipe = saved(tmp_path, stem=2)
    card = json.loads((tmp_path / "model.json").read_text())
    card["arguments"]["stem"] = True
    (tmp_path / "model.json").write_text(json.dumps(card))
    weights = initial_weights(recipe, tmp_path)
    torch.testing.assert_close(weights["stem.0.weight"], model.state_dict()["stem.0.weight"])


def test_a_copy_that_fails_leaves_no_run(tmp_path, workplace, streets, monkeypatch):
    _, recipe = saved(tmp_path / "origin")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(
        DataError, match=r"expected to copy .*origin into the run's folder, found No space left on device"
    ):
        new_run(build({**recipe.model_dump(), "initial": str(tmp_path / "origin")}), str(streets), "torn")
    assert not list((workplace / "runs").glob("torn*"))


@pytest.mark.parametrize("setting", ["initial", "teacher"])
def test_a_run_that_is_not_over_is_nothing_to_build_on(tmp_path, workplace, streets, setting):
    _, recipe = saved(tmp_path)
    first = new_run(recipe, str(streets), "first")
    saved(first.folder / "best")
    second = build({**recipe.model_dump(), setting: "first"})
    mine = {"pid": os.getpid(), "process_start": process_identity(os.getpid()), "host": provenance()["host"]}
    for status in ({"state": "queued"}, {"state": "running", **mine}):
        first.write_status(**status)
        with pytest.raises(UsageError) as refused:
            new_run(second, str(streets), "second")
        assert str(refused.value) == (
            f"{setting}: expected a model whose training is over, found run first {status['state']}; wait for its end "
            "or stop it"
        )
    assert [path.name for path in (workplace / "runs").iterdir() if path.is_dir()] == ["first"]
    first.write_status(state="stopped")
    assert new_run(second, str(streets), "second").pretrained[setting].is_dir()


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_builds_on_is_shipped_or_a_preset_and_fits(name, tmp_path):
    config = preset(name)
    if config.initial in PRESETS and not (shipped_root() / config.initial).is_dir():
        with pytest.raises(UsageError) as refused:
            pretrained_inputs(config, tmp_path)
        before = config.initial
        assert str(refused.value).endswith(f"; train it first: cityseg train --preset {before} --name {before}")
        first = preset(before)
        model = UNet(**arguments_of(first))
        plain = Normalization.named("imagenet")
        checkpoint.save(
            tmp_path / "made" / before,
            model,
            checkpoint.ModelCard("unet", arguments_of(first), first.image_size, plain, 0, "nothing"),
        )
        config = config.model_copy(update={"initial": str(tmp_path / "made" / before)})
    pretrained_inputs(config, tmp_path)
