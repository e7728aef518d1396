"""Averaged models are runs like any other."""

import json
import os
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from cityseg import api, config
from cityseg.errors import DataError, UsageError
from cityseg.jobs.liveness import process_identity
from cityseg.runs import list_runs, provenance


@pytest.fixture(scope="module")
def parts(data, folder, short_config):
    """Two models fine-tuned from one, with two seeds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(folder / "cache"))
        patch.setenv("CITYSEG_RUNS", str(folder / "runs"))
        api.train(short_config, data, name="origin")
        for seed in (1, 2):
            api.train(config.override(short_config, ["initial=origin", f"seed={seed}"]), data, name=f"part-{seed}")
    return ["part-1", "part-2"]


def weights(run):
    return load_file(run.folder / "best" / "model.safetensors")


def test_weights_are_the_mean_and_are_scored(data, parts):
    result = api.average(parts, data, name="middle")
    first, second = (weights(api.find_result(part).run) for part in parts)
    assert any((first[key] != second[key]).any() for key in first)
    for key, value in weights(result.run).items():
        if value.dtype == np.float32:
            expected = (first[key].astype(np.float64) + second[key]) / 2
            np.testing.assert_allclose(value, expected, rtol=1e-6, atol=0)
    assert (result.state, result.id) == ("finished", "middle")
    assert result.run.describe()["averaged"] == parts
    for split in ("val", "test"):
        again = api.evaluate("middle", data, split)
        assert result.scores[split]["macro"] == again["macro"]
        assert result.run.confusions(split).matrices.sum() > 0
    assert result.seconds == pytest.approx(sum(api.find_result(part).seconds for part in parts), abs=0.2)
    assert result.speed["frames_per_second"] > 0


def test_a_killed_average_cannot_be_resumed(data, parts, cityseg):
    run = api.average(parts, data, name="killed").run
    run.write_status(state="failed", error="killed")
    expected = (
        "killed: expected a training to resume, found the average of part-1, part-2; make it again with "
        "`cityseg average`"
    )
    for words in (("train", "--resume", "killed"), ("train", "--resume", "killed", "--queue")):
        answer = cityseg(*words)
        assert answer.code == 2
        assert expected in answer.err


def test_an_average_can_be_published_and_its_card_names_the_models(data, parts, folder):
    api.average(parts, data, name="shipping")
    shipped = api.publish("shipping", data, root=folder / "shipped", trained_on="Synthetic scenes")
    card = (shipped.run.folder / "README.md").read_text()
    assert "the weights are the mean of part-1 and part-2, each trained like this" in card


def test_the_command_line_lists_the_average_after_its_models(data, parts, cityseg):
    words = ("average", *parts, "--data", data, "--name", "listed")
    answer = cityseg(*words)
    assert answer.code == 0, answer.err
    assert [line.split()[0] for line in answer.out.splitlines() if line.strip()][-3:] == [*parts, "listed"]
    assert json.loads(cityseg(*words, "--json").out)["id"] == "listed-2"


def test_scores_of_the_models_on_other_frames_are_left_out(parts, folder, cityseg):
    api.synthesize(folder / "other", 8, seed=5)
    answer = cityseg("average", *parts, "--data", folder / "other", "--name", "elsewhere")
    rows = {line.split()[0]: line.split()[1:] for line in answer.out.splitlines() if line.strip()}
    assert rows["part-1"] == rows["part-2"] == ["–"] * 4
    assert "–" not in rows["elsewhere"]


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        (["part-1"], "expected two or more different models to average, found part-1"),
        (["part-1", "part-1"], "expected two or more different models to average, found part-1, part-1"),
        (["part-1", "missing"], "unknown model 'missing': expected a run id"),
        (
            ["part-1", "better-2"],
            "expected models of one network, found part-1 with {.*} and better-2 with {.*}; average",
        ),
        (
            ["part-1", "experiment-1"],
            r"expected models of one frame size, found part-1 with \(32, 64\) and experiment-1",
        ),
    ],
)
def test_incompatible_models_are_an_error_and_leave_no_run(data, parts, models, sentence):
    before = [run.id for run in list_runs()]
    with pytest.raises(UsageError, match=sentence):
        api.average(models, data)
    assert [run.id for run in list_runs()] == before


def test_a_failure_while_scoring_leaves_no_run(data, parts, monkeypatch):
    def broken(*_):
        raise DataError("no more")

    monkeypatch.setattr(sys.modules["cityseg.api.models.average"], "score_into", broken)
    before = [run.id for run in list_runs()]
    with pytest.raises(DataError, match="no more"):
        api.average(parts, data, name="half")
    assert [run.id for run in list_runs()] == before


def test_a_run_in_training_cannot_be_averaged(data, parts):
    run = api.find_result("part-2").run
    mine = {"pid": os.getpid(), "process_start": process_identity(os.getpid()), "host": provenance()["host"]}
    run.write_status(state="running", **mine)
    try:
        with pytest.raises(UsageError, match="training is over, found run part-2 running"):
            api.average(parts, data)
    finally:
        run.write_status(state="finished")
