"""An exported model is the model: the same classes, from the file alone."""

from __future__ import annotations

import json
import shutil
from itertools import product

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from cityseg import api, checkpoint
from cityseg.config import build
from cityseg.data.batches import Normalization
from cityseg.data.synthetic import render
from cityseg.errors import CheckpointError, UsageError
from cityseg.inference.onnx import free_divisor, load_onnx, write_onnx
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import FITS
from cityseg.models import arguments_of, build_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory, trained, streets):
    path = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    return path, api.export(str(trained.folder), path, str(streets))


def test_onnx_model_agrees_with_its_network(exported, trained):
    path, result = exported
    assert result["frames"] == 2
    assert result["equal"] >= 0.9999
    assert result["bytes"] == path.stat().st_size
    assert result["divisor"] == 4


@pytest.mark.parametrize("shape", [(1, 32, 64), (3, 8, 12), (2, 44, 20)])
def test_any_multiple_of_the_divisor_is_accepted(exported, trained, shape):
    model, _ = checkpoint.load(trained.checkpoint)
    count, *size = shape
    x = torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        np.testing.assert_allclose(load_onnx(exported[0]).model(x), model(x), atol=1e-4)


@pytest.mark.parametrize(("size", "stem"), [((24, 44), 1), ((16, 32), 4)])
def test_models_without_free_divisor_accept_one_size(tmp_path, size, stem):
    """360x640 with halvings by 32, in small; and a side of one multiple alone, which the exporter cannot vary."""
    config = build({"start_channels": 4, "depth": 2 if stem == 1 else 1, "stem": stem, "image_size": size})
    torch.manual_seed(0)
    network = build_model("unet", arguments_of(config)).eval()
    plain = Normalization.named("none")
    card = checkpoint.ModelCard("unet", arguments_of(config), size, plain, 0, "nothing")
    assert free_divisor(network, size) is None
    write_onnx(network, card, tmp_path / "fixed.onnx")
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        np.testing.assert_allclose(load_onnx(tmp_path / "fixed.onnx").model(x), network(x), atol=1e-4)
    with pytest.raises(UsageError, match=f"expected scale 1 alone for a model that accepts {size[0]}x{size[1]} pixels"):
        load_onnx(tmp_path / "fixed.onnx").predict(np.zeros((9, 9, 3), np.uint8), scales=(1, 2))


def test_metadata_describe_the_preprocessing(exported, trained):
    (entry,) = onnx.load(exported[0]).metadata_props
    told, card = json.loads(entry.value), checkpoint.read_card(trained.checkpoint)
    assert entry.key == "cityseg"
    assert told["image_size"] == list(card.image_size)
    assert told["normalization"] == {"mean": list(card.normalization.mean), "std": list(card.normalization.std)}
    assert told["classes"][0] == "road"


def test_cli_predictions_agree(exported, workplace, trained, streets, cityseg, tmp_path):
    photo = tmp_path / "street.png"
    Image.fromarray(render(5, size=(90, 150)).photo).save(photo)
    for fit, looks in product(FITS, ((), ("--flip",), ("--scales", "0.5,1,1.25", "--flip"))):
        first = cityseg("predict", trained.folder, photo, "--out", tmp_path / "a", "--fit", fit, *looks)
        second = cityseg("predict", "--onnx", exported[0], photo, "--out", tmp_path / "b", "--fit", fit, *looks)
        assert first.code == second.code == 0, second.err
        maps = [np.array(Image.open(tmp_path / name / "street_labelIds.png")) for name in "ab"]
        assert maps[0].shape == (90, 150)
        assert (maps[0] == maps[1]).mean() >= 0.9999


def test_video_predictions_agree(exported, workplace, trained, cityseg, tmp_path):
    (tmp_path / "walk").mkdir()
    for number in range(3):
        Image.fromarray(render(number, size=(90, 150)).photo).save(tmp_path / "walk" / f"{number}.png")
    first = cityseg("clip", trained.folder, tmp_path / "walk", "--out", tmp_path / "a", "--flip", "--json")
    second = cityseg("clip", "--onnx", exported[0], tmp_path / "walk", "--out", tmp_path / "b", "--flip", "--json")
    assert first.code == second.code == 0, second.err
    tables = [np.loadtxt(tmp_path / name / "walk_classes.csv", delimiter=",", skiprows=1) for name in "ab"]
    assert tables[0].shape == (3, 22)
    np.testing.assert_allclose(*tables, atol=0.02)
    assert (tmp_path / "b" / "walk_overlay.mp4").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["best-1"], "expected MODEL and a clip, found 'best-1' alone"),
        (["best-1", "a.mp4", "b.mp4"], "expected one clip, found 2: a.mp4, b.mp4"),
        (["--onnx", "none.onnx", "a.mp4"], "none.onnx: expected an ONNX file, found none"),
    ],
)
def test_invalid_video_arguments_are_rejected(words, said, workplace, cityseg):
    answer = cityseg("clip", *words, "--out", "out")
    assert answer.code == 2
    assert said in answer.err
    assert not (workplace / "out").exists()


@pytest.fixture
def already_written(exported, monkeypatch):
    """Exporting takes seconds and was done once for all; what comes after it is done anew."""
    monkeypatch.setattr("cityseg.api.models.export.write_onnx", lambda *words: shutil.copyfile(exported[0], words[-1]))


def test_cli_exports_a_model(already_written, workplace, trained, streets, cityseg, tmp_path):
    answer = cityseg("export", trained.folder, "--format", "onnx", "--out", tmp_path / "deep" / "m.onnx", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["equal"] >= 0.9999
    assert isinstance(load_onnx(tmp_path / "deep" / "m.onnx"), Predictor)


def test_photo_argument_is_required(workplace, trained, cityseg, tmp_path):
    answer = cityseg("predict", trained.folder, "--out", tmp_path)
    assert answer.code == 2
    assert "expected MODEL and at least one photo, found" in answer.err


def test_other_files_are_rejected(exported, tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.onnx: expected an ONNX file, found none; make one with"):
        load_onnx(tmp_path / "none.onnx")
    (tmp_path / "words.onnx").write_text("just some words")
    with pytest.raises(CheckpointError, match=r"words\.onnx: expected an ONNX file, found something else \(.*\); e"):
        load_onnx(tmp_path / "words.onnx")
    stripped = onnx.load(exported[0])
    del stripped.metadata_props[:]
    onnx.save(stripped, tmp_path / "bare.onnx")
    with pytest.raises(CheckpointError, match=r"bare\.onnx: expected an ONNX file made by `cityseg export`, found one"):
        load_onnx(tmp_path / "bare.onnx")


def test_disagreeing_export_is_removed(already_written, workplace, trained, streets, tmp_path, monkeypatch):
    def broken(path):
        found = load_onnx(path)
        found.model = torch.nn.Sequential(found.model, torch.nn.Softmin(1))
        return found

    monkeypatch.setattr("cityseg.api.models.export.load_onnx", broken)
    with pytest.raises(CheckpointError, match=r"expected the classes of .* on at least 99\.99% of the pixels of 2"):
        api.export(str(trained.folder), tmp_path / "m.onnx", str(streets))
    assert not (tmp_path / "m.onnx").exists()
