"""What cannot train is refused before a run exists, or ends it with one sentence; void data gives no made-up scores."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.engine.evaluate import evaluate
from cityseg.errors import DataError, UsageError
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import build_model

SINGLE = {"image_size": (16, 16), "depth": 3, "start_channels": 4, "half_size_epochs": 0, "epochs": 1}
REFUSAL = (
    "expected at least two values per channel to normalise, found {found}, which the network narrows to one pixel; "
    "change batch_size (now {batch}), lower depth or enlarge image_size (now 16x16)"
)


@pytest.fixture
def dataset(workplace):
    """Make a dataset of 16x16 frames with label values by split: 0 is road, 1 void."""

    def make(train: list[int], val: list[int], test: tuple[int, ...] = (0,)):
        folder = workplace / "frames"
        random = np.random.default_rng(0)
        for split, values in (("train", train), ("val", val), ("test", test)):
            for number, value in enumerate(values):
                for kind in ("images", "labels"):
                    (folder / kind / split).mkdir(parents=True, exist_ok=True)
                photo = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(photo).save(folder / "images" / split / f"{split}{number}.png")
                Image.fromarray(np.full((16, 16), value, np.uint8)).save(
                    folder / "labels" / split / f"{split}{number}.png"
                )
        description = {"name": "frames", "train_ids": {"0": "road", "1": None}}
        (folder / "dataset.json").write_text(json.dumps(description))
        return str(folder)

    return make


@pytest.mark.parametrize(
    ("frames", "batch", "found"), [(5, 4, "a last batch of one of 5 frames"), (5, 1, "a batch of one frame")]
)
def test_a_batch_that_cannot_be_normalised_is_refused_before_a_run_exists(
    dataset, tiny, cityseg, workplace, frames, batch, found
):
    spec = dataset([0] * frames, [0])
    config = tiny(**SINGLE, batch_size=batch)
    sentence = REFUSAL.format(found=found, batch=batch)
    for verb in (api.train, api.launch, api.measure_time, api.find_rate):
        with pytest.raises(UsageError) as refused:
            verb(config, spec)
        assert str(refused.value) == sentence
    with pytest.raises(UsageError) as refused:
        api.launch_sweep([tiny(**SINGLE, batch_size=2), config], spec)
    assert list((workplace / "runs").glob("*")) == [] or not list(api.list_results(shipped=False))
    (workplace / "recipe.json").write_text(config.model_dump_json())
    for words in (["train"], ["estimate"], ["lr-find"], ["train", "--queue"]):
        answer = cityseg(*words, "--config", "recipe.json", "--data", spec)
        assert (answer.code, answer.err.splitlines()[-1]) == (2, f"cityseg: {sentence}")
    with pytest.raises(UsageError, match="expected at least two values per channel"):
        api.bench(config, spec, frames=frames, rounds=1)


def test_the_overfit_check_has_a_batch_of_its_own(dataset, tiny):
    config = tiny(**SINGLE, batch_size=1)
    assert len(api.overfit(config, dataset([0] * 2, [0]), steps=2).points) > 0


def test_the_overfit_check_of_one_frame_is_refused(dataset, tiny):
    with pytest.raises(UsageError, match=r"found a batch of one frame, .*; add frames, lower depth or enlarge"):
        api.overfit(tiny(**SINGLE, batch_size=2), dataset([0], [0]), steps=2)


@pytest.mark.parametrize(
    ("train", "val", "words"),
    [
        ([1, 1], [0], "the train split, found void alone in all 2 frames"),
        ([0, 0], [1], "the val split, found void alone in its frame"),
    ],
)
def test_void_alone_is_refused(dataset, tiny, train, val, words):
    spec = dataset(train, val)
    with pytest.raises(DataError) as refused:
        api.train(tiny(**SINGLE, batch_size=2), spec, name="void")
    assert f"expected labelled pixels in {words}; check the labels" in str(refused.value)
    (result,) = api.list_results(shipped=False)
    assert (result.state, result.error) == ("failed", str(refused.value))
    if train == [1, 1]:
        with pytest.raises(DataError, match="expected labelled pixels in the train split"):
            api.find_rate(tiny(**SINGLE, batch_size=2), spec)


def test_a_test_split_of_void_alone_is_a_warning(dataset, tiny):
    warnings: list[str] = []
    result = api.train(tiny(**SINGLE, batch_size=2), dataset([0, 0], [0, 0], (1,)), on_warning=warnings.append)
    assert result.state == "finished"
    assert "frames: no pixel of the test split is labelled; its scores stay empty." in warnings


def test_an_evaluation_on_void_alone_is_refused(dataset, trained):
    with pytest.raises(DataError, match="expected labelled pixels in the val split, found void alone in its frame"):
        api.evaluate(str(trained.folder), dataset([0], [1]), "val")


def test_void_frames_of_val_do_not_count_in_the_loss(cached_split):
    import torch

    from cityseg.data.batches import DeviceSplit, Normalization

    cpu = torch.device("cpu")
    torch.manual_seed(0)
    model = build_model("unet", {"start_channels": 2, "depth": 1})
    none = Normalization.named("none")
    dice = SegmentationLoss(None, 1.0)
    split = DeviceSplit(cached_split(frames=32), cpu)
    whole = evaluate(model, split, none, loss=dice).loss
    split.labels[16:] = 255
    split_of_first = DeviceSplit(cached_split(frames=32), cpu)
    split_of_first.photos, split_of_first.labels = split.photos[:16], split.labels[:16]
    first = evaluate(model, split_of_first, none, loss=dice).loss
    assert evaluate(model, split, none, loss=dice).loss == first != whole
    split.labels[:] = 255
    assert evaluate(model, split, none, loss=dice).loss is None
