"""Models measured on other data than their own, in this process and in one of its own."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from cityseg import api
from cityseg.data.synthetic import synthesize
from cityseg.errors import DataError, UsageError
from cityseg.runs import Run


@pytest.fixture
def own(trained, workplace):
    """A copy of the trained run."""
    return Run(shutil.copytree(trained.folder, workplace / "runs" / "tiny"))


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Other streets than those of the run."""
    folder = tmp_path_factory.mktemp("other") / "town"
    synthesize(folder, frames=8, seed=9, size=(64, 128))
    return folder


def test_a_measurement_is_a_result_with_the_scores_of_evaluate(own, town):
    before = api.find_result("tiny")
    assert api.measure("tiny", str(town), "val") == "tiny@town"
    found = api.find_result("tiny@town")
    expected = api.evaluate("tiny", str(town), "val")
    assert found.scores["val"] == {key: expected[key] for key in found.scores["val"]}
    assert found.run.confusions("val").matrices.sum() == expected["pixels"]
    assert found.run.detail("val") is not None
    assert (found.model, found.is_elsewhere, before.is_elsewhere) == ("tiny", True, False)
    assert (found.config, found.data, found.measured_on) == (before.config, before.data, "town at 64x128")
    assert api.find_result("tiny").as_dict() == before.as_dict(), "the run's own scores stay"
    listing = api.list_all()
    assert [result.id for result in listing.results] == ["tiny", *(each.name for each in api.list_models())]
    assert [result.id for result in listing.everything][:2] == ["tiny", "tiny@town"]


def test_a_second_split_joins_the_first_and_other_data_of_the_same_name_does_not(own, town, tmp_path):
    api.measure("tiny", str(town), "val")
    assert api.measure("tiny", str(town), "test") == "tiny@town"
    assert set(api.find_result("tiny@town").scores) == {"val", "test"}
    synthesize(tmp_path / "town", frames=8, seed=10, size=(64, 128))
    assert api.measure("tiny", str(tmp_path / "town"), "val") == "tiny@town-2"
    assert api.measure("tiny", str(town), "val") == "tiny@town"


def test_nothing_is_stored_for_the_data_of_the_run_itself(own, streets):
    assert api.measure("tiny", str(streets), "val") == "tiny"
    assert not (own.folder / "measured").exists()


def test_measurements_compare_with_each_other_alone(own, town):
    for model in ("tiny", "better-1"):
        api.measure(model, str(town), "val")
    found = api.compare(["tiny@town", "better-1@town"], "val")
    pair = found.pairs["better-1@town"]
    matrices = [api.find_result(name).run.confusions("val").matrices.sum(0) for name in ("tiny@town", "better-1@town")]
    accuracy = [np.trace(matrix) / matrix.sum() for matrix in matrices]
    scores = [api.find_result(name).scores["val"]["pixel_accuracy"] for name in ("tiny@town", "better-1@town")]
    assert scores == pytest.approx(accuracy, abs=1e-12)
    assert not pair.obstacles
    assert api.compare(["tiny", "tiny@town"], "val").pairs["tiny@town"].obstacles == (
        "different frames or annotations (the data fingerprints differ)",
    )


def test_scores_of_earlier_weights_and_damaged_files_are_left_out(own, town):
    api.measure("tiny", str(town), "val")
    document = own.folder / "measured" / "town" / "measured.json"
    kept = document.read_text()
    document.write_text(kept[: len(kept) // 2])
    assert not api.list_all().elsewhere
    with pytest.raises(DataError, match=r"measured.json: expected scores on other data, found a damaged file .*again"):
        api.find_result("tiny@town")
    document.write_text(json.dumps(json.loads(kept) | {"weights": "0" * 64}))
    assert not api.list_all().elsewhere
    with pytest.raises(DataError, match="expected scores of the present weights, found those of earlier ones"):
        api.find_result("tiny@town")
    api.measure("tiny", str(town), "val")
    assert [result.id for result in api.list_all().elsewhere] == ["tiny@town"]


def test_unknown_measurements_name_those_that_exist(own, town):
    api.measure("tiny", str(town), "val")
    with pytest.raises(UsageError, match=r"expected a measurement of 'tiny', found tiny@town; measure it first: city"):
        api.find_result("tiny@twon")
    with pytest.raises(UsageError, match="unknown model 'none'"):
        api.find_result("none@town")


def test_the_job_measures_one_model_after_the_other_and_can_be_stopped(own, town, wait_until):
    assert api.find_measuring() is None
    api.start_measuring(["tiny", "better-1"], str(town), "val")
    with pytest.raises(UsageError, match="expected no other measurement, found one that runs; wait for it or stop it"):
        api.start_measuring(["tiny"], str(town), "val")
    wait_until(lambda: api.find_measuring().status.state != "running")
    job = api.find_measuring()
    assert (job.status.state, job.status.error) == ("finished", None)
    assert (job.models, job.results, job.data) == (("tiny", "better-1"), ("tiny@town", "better-1@town"), str(town))
    api.start_measuring(["better-1"], str(town), "test")
    api.stop_measuring()
    wait_until(lambda: api.find_measuring().status.state != "running")
    assert api.find_measuring().status.state == "stopped"


def test_a_job_refuses_what_it_could_not_measure(own, town):
    with pytest.raises(UsageError, match="expected at least one model to measure, found none"):
        api.start_measuring([], str(town), "val")
    with pytest.raises(UsageError, match="unknown model 'gone'"):
        api.start_measuring(["gone"], str(town), "val")
    assert api.find_measuring() is None


def test_the_command_line_prints_what_it_stored(own, town, cityseg):
    answer = cityseg("measure", "tiny", "--data", town, "--split", "val")
    result = api.find_result("tiny@town")
    assert answer.out == f"tiny@town: macro F1 {result.macro_f1:.3f}, mean IoU {result.score('val', 'iou'):.3f}\n"
    assert json.loads(cityseg("inspect", "tiny@town", "--split", "val", "--json").out)["model"] == "tiny@town"
