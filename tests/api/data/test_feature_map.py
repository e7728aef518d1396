"""The map of a dataset: computed once, stored beside the caches, recorded while it is computed."""

from __future__ import annotations

import csv
import json
import signal
import time

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from cityseg import api, checkpoint
from cityseg.api.data import feature_map as module
from cityseg.data.prepared import feature_map as stored
from cityseg.errors import CheckpointError, Stopped, UsageError
from cityseg.inference.features import pooled_features

SIZE = (128, 256)


@pytest.fixture
def model(trained, workplace, monkeypatch):
    """The folder of a small trained model, and a cache of this test alone."""
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))
    return str(trained.checkpoint)


def test_a_map_has_every_frame_and_is_computed_once(model, streets, monkeypatch):
    phases = []
    found = api.feature_map(model, str(streets), on_progress=lambda *progress: phases.append(progress))
    prepared = api.prepare(str(streets), SIZE)
    names = [name for cached in prepared.values() for name in cached.meta.frames]
    assert list(found.names) == names
    assert found.splits.tolist() == ["train"] * 7 + ["val"] * 2 + ["test"]
    assert found.cities.tolist() == [name.split("_")[0] for name in names]
    predictor = api.load_predictor(model)
    np.testing.assert_array_equal(found.features[7:9], pooled_features(predictor, prepared["val"]))
    assert found.positions.shape == (10, 2)
    assert [progress for progress in phases if progress[0] == "preparing"][-1] == ("preparing", 10, 10)
    assert [progress for progress in phases if progress[0] != "preparing"] == [
        ("features", 7, 10),
        ("features", 9, 10),
        ("features", 10, 10),
        ("layout", 0, 0),
    ]
    assert api.find_map_job(model, str(streets)).state == "finished"

    def fail(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "pooled_features", fail)
    again = api.feature_map(model, str(streets))
    for one, other in ((again, found), (api.find_feature_map(model, prepared), found)):
        np.testing.assert_array_equal(one.features, other.features)
        np.testing.assert_array_equal(one.positions, other.positions)


def test_maps_of_other_weights_and_other_frames_are_not_taken(model, streets, trained, workplace):
    api.feature_map(model, str(streets))
    prepared = api.prepare(str(streets), SIZE)
    weights, card = checkpoint.load(trained.checkpoint)
    with_changes = {name: value * 1.01 for name, value in weights.state_dict().items() if value.is_floating_point()}
    weights.load_state_dict(with_changes, strict=False)
    checkpoint.save(workplace / "other", weights, card)
    assert api.find_feature_map(str(workplace / "other"), prepared) is None
    fewer = {split: cached for split, cached in prepared.items() if split != "test"}
    assert api.find_feature_map(model, fewer) is None
    assert api.find_feature_map(model, prepared) is not None


@pytest.mark.parametrize("damage", ["cut", "version", "names", "shape", "nan", "dtype", "pickle", "empty"])
def test_a_damaged_or_foreign_file_is_made_anew(model, streets, damage):
    found = api.feature_map(model, str(streets))
    prepared = api.prepare(str(streets), SIZE)
    path = stored.map_path(prepared, checkpoint.weights_digest(api.model_folder(model)))
    arrays = dict(np.load(path, allow_pickle=False))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        changes = {
            "version": {"version": np.array(99)},
            "names": {"names": arrays["names"][::-1]},
            "shape": {"positions": arrays["positions"][:-1]},
            "nan": {"features": np.full_like(arrays["features"], np.nan)},
            "dtype": {"features": arrays["features"].astype(np.float64)},
            "pickle": {"features": np.array([{}] * 10, dtype=object)},
        }
        np.savez(path, **(arrays | changes[damage]))
    assert api.find_feature_map(model, prepared) is None
    again = api.feature_map(model, str(streets))
    np.testing.assert_array_equal(again.positions, found.positions)
    assert api.find_feature_map(model, prepared) is not None


def test_a_signal_stops_it_and_leaves_no_map(model, streets):
    def progress(phase: str, done: int, total: int) -> None:
        if phase == "features":
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped, match="stopped by SIGTERM before its map was computed"):
        api.feature_map(model, str(streets), on_progress=progress)
    assert api.find_map_job(model, str(streets)).state == "stopped"
    assert api.find_feature_map(model, api.prepare(str(streets), SIZE)) is None


def test_the_process_computes_the_map(model, streets, wait_until):
    assert api.find_map_job(model, str(streets)) is None
    api.start_feature_map(model, str(streets))
    assert api.find_map_job(model, str(streets)).state == "running"
    wait_until(lambda: api.find_map_job(model, str(streets)).state != "running")
    job = api.find_map_job(model, str(streets))
    assert (job.state, job.error) == ("finished", None)
    assert api.find_feature_map(model, api.prepare(str(streets), SIZE)) is not None


def test_wrong_requests_are_refused(model, streets, workplace):
    with pytest.raises(UsageError, match="unknown model"):
        api.start_feature_map("nobody", str(streets))
    with pytest.raises(UsageError, match="found no such folder"):
        api.start_feature_map(model, "nowhere")
    (workplace / "empty").mkdir()
    with pytest.raises(CheckpointError, match="found none"):
        checkpoint.weights_digest(workplace / "empty")


def test_the_digest_follows_the_weights(workplace):
    file = workplace / checkpoint.WEIGHTS
    file.write_bytes(b"one")
    first = checkpoint.weights_digest(workplace)
    time.sleep(0.01)
    file.write_bytes(b"two")
    assert checkpoint.weights_digest(workplace) != first


def test_the_command_line_lists_frames_and_pairs(model, streets, cityseg, workplace):
    table = workplace / "out" / "map.csv"
    answer = cityseg("data", "map", "--data", streets, "--model", model, "--csv", table, "--json")
    document = json.loads(answer.out)
    found = api.feature_map(model, str(streets))
    similarity = cosine_similarity(found.features)
    np.fill_diagonal(similarity, -1)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == list(found.names)
    for index, row in enumerate(rows):
        assert row["nearest"] == found.names[similarity[index].argmax()]
        assert float(row["similarity"]) == pytest.approx(similarity[index].max(), abs=1e-5)
        assert float(row["x"]) == pytest.approx(found.positions[index, 0], abs=1e-5)
    # Of 10 frames, the last neighbour is the 9th.
    distance = 1 - np.sort(similarity, axis=1)[:, 1]
    assert document["outliers"][0]["frame"] == found.names[distance.argmax()]
    assert (document["frames"], document["channels"]) == (10, found.features.shape[1])

    asked = ("data", "duplicates", "--data", streets, "--model", model, "--threshold", 0.5)
    pairs = json.loads(cityseg(*asked, "--json").out)
    assert pairs["total"] == (np.triu(similarity, 1) >= 0.5).sum()
    across = json.loads(cityseg(*asked, "--across-splits", "--limit", 3, "--json").out)
    assert len(across["pairs"]) == 3
    assert all(pair["first_split"] != pair["second_split"] for pair in across["pairs"])
    lines = cityseg(*asked).out.splitlines()
    assert lines[0] == f"{pairs['total']} pairs with a similarity of at least 0.5, as {model} sees them"
    assert len(lines) == 2 + len(pairs["pairs"])
    assert cityseg("data", "map", "--data", streets, "--model", model).out.startswith("10 frames, ")


def test_the_default_model_is_the_best_one(streets, workplace):
    assert api.default_map_model(str(streets)) == api.usable_models(api.list_results())[0].id
