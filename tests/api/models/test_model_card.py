"""The model card of any scored model."""

from __future__ import annotations

import shutil

import pytest

from cityseg import api
from cityseg.api.results.folders import shipped_root
from cityseg.config.presets import preset
from cityseg.errors import CitysegError, DataError
from cityseg.runs import Run, create_run


@pytest.mark.parametrize("model", ["better-1", "best-7"])
def test_the_card_of_a_shipped_model_is_its_readme(model, workplace):
    assert api.describe_model(model) == (shipped_root() / model / "README.md").read_text(encoding="utf-8")


def test_the_card_of_a_run_names_its_data_as_text(trained, workplace):
    run = Run(shutil.copytree(trained.folder, workplace / "runs" / "tiny"))
    text = api.describe_model("tiny")
    scores = api.find_result("tiny").scores["test"]
    assert text.startswith("# tiny\n\nA unet with ")
    assert "- Weights are stored in float32; every score was measured in float32" in text
    assert f"| test | {scores['macro']['f1']:.3f} |" in text, "one frame has no interval"
    card = (run.checkpoint / "model.json").read_text().replace('"streets at 64x128"', '"<b>[x](y)</b> `z`"')
    (run.checkpoint / "model.json").write_text(card)
    assert r"- Trained on: \<b\>\[x\](y)\</b\> \`z\`, train split" in api.describe_model("tiny")


def test_a_model_without_scores_has_no_card(workplace, trained):
    run = Run(shutil.copytree(trained.folder, workplace / "runs" / "tiny"))
    for path in run.folder.glob("confusion-*.npz"):
        path.unlink()
    with pytest.raises(DataError, match="tiny: expected scores on val or test, found none; let the run finish first"):
        api.describe_model("tiny")
    create_run(preset("better-1"), "waiting")
    with pytest.raises(CitysegError, match="expected a checkpoint"):
        api.describe_model("waiting")
