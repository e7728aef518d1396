"""``cityseg data stats`` against counts made from the label files themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official
from PIL import Image

from cityseg import api
from cityseg.classes import CLASS_NAMES

OFFICIAL = {label.id: label.trainId for label in official if 0 <= label.trainId < 19}


@pytest.fixture
def files(streets):
    """By split: train ids, with -1 for void, of every label file, read without the project's own reader."""
    val = sorted((streets / "gtFine" / "val").glob("*/*_labelIds.png"))
    half = (len(val) + 1) // 2
    paths = {
        "train": sorted((streets / "gtFine" / "train").glob("*/*_labelIds.png")),
        "val": val[:half],
        "test": val[half:],
    }
    convert = np.vectorize(lambda value: OFFICIAL.get(value, -1))
    return {split: [(path.parent.name, convert(Image.open(path))) for path in found] for split, found in paths.items()}


def test_the_report_equals_counts_of_the_label_files(workplace, streets, files, cityseg):
    report = json.loads(cityseg("data", "stats", "--data", streets, "--size", "native", "--json").out)
    assert report["size"] == [64, 128]
    for split, frames in files.items():
        stacked = np.stack([train_ids for _, train_ids in frames])
        scored = (stacked >= 0).sum()
        assert report["frames"][split] == len(frames)
        assert report["void"][split] == pytest.approx(1 - scored / stacked.size)
        held = [set(np.unique(train_ids)) for _, train_ids in frames]
        for train_id, name in enumerate(CLASS_NAMES):
            assert report["splits"][split][name] == {
                "share": pytest.approx((stacked == train_id).sum() / scored),
                "frames": sum(train_id in classes for classes in held),
                "pixels": (stacked == train_id).sum(),
            }
            for other, other_name in enumerate(CLASS_NAMES):
                together = sum({train_id, other} <= classes for classes in held)
                assert report["cooccurrence"][split][name][other_name] == together


def test_cities_objects_and_light_are_reported(workplace, streets, files):
    report = api.stats_report(str(streets), (64, 128))
    for split, frames in files.items():
        assert {city: found["frames"] for city, found in report["cities"][split].items()} == {
            city: sum(each == city for each, _ in frames) for city, _ in frames
        }
        road = report["objects"][split]["road"]
        assert road["per_frame"] == pytest.approx(road["count"] / report["splits"][split]["road"]["frames"])
        assert 0 < road["area"]["p5"] <= road["area"]["p50"] <= road["area"]["p95"] <= 1
        light = report["brightness"][split]
        assert 0 < light["p5"] <= light["p50"] <= light["p95"] < 255
    city, found = next(iter(report["cities"]["train"].items()))
    stacked = np.stack([train_ids for each, train_ids in files["train"] if each == city])
    assert found["share"]["road"] == pytest.approx((stacked == 0).sum() / (stacked >= 0).sum())
    absent = next(name for name, found in report["splits"]["test"].items() if not found["frames"])
    assert report["objects"]["test"][absent] == {"count": 0, "per_frame": None, "area": None}


def test_the_table_begins_with_the_rarest_class(workplace, streets, cityseg):
    report = api.stats_report(str(streets), (64, 128))
    total = {name: sum(classes[name]["share"] for classes in report["splits"].values()) for name in CLASS_NAMES}
    lines = cityseg("data", "stats", "--size", "64x128").out.splitlines()
    listed = [
        next(name for name in sorted(CLASS_NAMES, key=len, reverse=True) if line.startswith(name))
        for line in lines[1:20]
    ]
    assert [total[name] for name in listed] == sorted(total.values())
    assert lines[20] == "counted at 64x128 pixels (height x width)"
    assert lines[21].startswith("train: 7 frames in ")
    assert lines[23].startswith("test: 1 frame in 1 city, ")
