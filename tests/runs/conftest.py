"""A whole run folder without a training: every kind of file that a finished run has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cityseg import checkpoint, config
from cityseg.api.results import label_audit, robustness
from cityseg.api.results.sidecar import write_finding
from cityseg.data.batches import Normalization
from cityseg.engine import resume
from cityseg.files import write_json
from cityseg.metrics import summarize
from cityseg.models import UNet, count_parameters
from cityseg.runs import Run, create_run

FRAMES = ("a_0", "a_1", "b_0")
PRINT = "fingerprint"
ARGUMENTS = {"start_channels": 2, "depth": 0}


def make_run(root: Path, name: str, seed: int) -> Run:
    """Write a finished run of a network with two channels that was scored on three frames of val and of test."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    settings = config.build({"image_size": (8, 16), "epochs": 2, **ARGUMENTS})
    run = create_run(settings, name, root, data={"spec": "synthetic", "name": "scenes"})
    matrices = random.integers(1, 50, (len(FRAMES), 19, 19))
    summary = {**summarize(matrices), "fingerprint": PRINT, "size": [8, 16], "label_policy": "mapped"}
    network = UNet(**ARGUMENTS).eval()
    card = checkpoint.ModelCard(
        architecture="unet",
        arguments=ARGUMENTS,
        image_size=(8, 16),
        normalization=Normalization.named("imagenet"),
        parameters=count_parameters(network),
        trained_on="scenes",
        training={"epoch": 2, "steps": 4, "seconds": 1.5, "device": "CPU", "recipe": settings.model_dump(mode="json")},
        scores={"val": summary, "test": summary},
        temperature=1.1,
        speed={"frames_per_second": 30.0, "device": "CPU"},
    )
    checkpoint.save(run.folder / "best", network, card)
    for iteration in (2, 4):
        resume.save(run, network, card, {"iteration": iteration, "optimizer": {"state": {}}})
    for epoch in (1, 2):
        line = {"epoch": epoch, "step": 2 * epoch, "seconds": 0.5 * epoch}
        run.append_history(kind="step", **line, loss=1.0, learning_rate=0.01, frames_per_second=9.0)
        run.append_history(kind="epoch", **line, val_loss=0.9, val=summary)
    for split in ("val", "test"):
        run.write_confusions(split, FRAMES, best=matrices, last=matrices)
        run.write_detail(
            split,
            FRAMES,
            boundary=np.sort(random.integers(0, 9, (3, 19, 3)))[..., ::-1],
            calibration=np.sort(random.integers(0, 9, (19, 100, 3)))[..., ::-1],
            light=random.random((3, 2), np.float32),
            entropy=random.random(3, np.float32),
            predicted=random.integers(0, 9, (3, 19)),
        )
    picture = run.folder / "probes" / FRAMES[0] / "epoch-0001.png"
    picture.parent.mkdir(parents=True)
    Image.fromarray(random.integers(0, 19, (8, 16), dtype=np.uint8)).save(picture)
    (run.folder / "log.txt").write_text("step 4\n")
    run.write_status(state="finished")
    scores = {"name": "", "words": "as it is", "f1": [0.5, 0.4, 0.6], "iou": [0.4, None, None]}
    found = {"frames": 3, "size": [8, 16], "plain": scores, "changed": [{**scores, "name": "fog"}]}
    write_finding(run.folder / "robustness-val.json", run, PRINT, robustness._VERSION, found)
    counts = np.ones((3, 4, 19, 19), np.uint32)
    audit = {
        **{"shapes": np.full((3, 2), (8, 16), np.uint32), "frames": np.array(FRAMES)},
        **{"bands": counts, "sizes": counts[:, :3]},
        **{"frame": np.array([1], np.int32), "pair": np.array([[0, 1]], np.uint8), "confidence": np.array([0.9])},
        **{"box": np.array([[0, 0, 2, 4]], np.int32), "masks": np.array([255], np.uint8)},
    }
    write_finding(run.folder / "audit-val.npz", run, PRINT, label_audit._VERSION, audit)
    verdicts = [{"region": "a_0 1", "verdict": "label wrong"}]
    write_json(run.folder / "verdicts-val.json", {"model": run.id, "verdicts": verdicts})
    return run


@pytest.fixture
def whole_run(workplace):
    """Make a finished run by name in the runs folder of the test."""
    return lambda name, seed=0: make_run(workplace / "runs", name, seed)


@pytest.fixture
def run(tiny, workplace):
    return create_run(tiny(), "first")
