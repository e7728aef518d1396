"""The Curves, Confusions and Pictures tabs of the Compare page, and ``cityseg flips``, on two runs of one dataset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api, checkpoint
from cityseg.api import Result
from cityseg.classes import CLASS_NAMES
from cityseg.config import build
from cityseg.config.presets import preset
from cityseg.data.synthetic import synthesize
from cityseg.ui.app import cache, glossary
from tests.ui.pages import help_texts, open_page, url_parameter, url_parameters, words

CONFIG = {"start_channels": 4, "depth": 1, "batch_size": 4, "precision": "float32", "learning_rate": 0.01}
RUNS: dict[str, dict[str, Any]] = {
    "first": {"image_size": (32, 64), "epochs": 2},
    "second": {"image_size": (32, 64), "epochs": 3, "seed": 1},
    "small": {"image_size": (16, 32), "epochs": 1},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Two runs at one size and one at another, in a folder beside their 30 synthetic frames."""
    folder = tmp_path_factory.mktemp("compare-pictures")
    synthesize(folder / "set", frames=30, seed=5, size=(64, 128))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(folder / "cache"))
        return {
            name: api.train(build({**CONFIG, **changes}), str(folder / "set"), name=name, runs=folder / "runs")
            for name, changes in RUNS.items()
        }


@pytest.fixture
def results(runs: dict[str, Result], workplace: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Result]:
    folder = runs["first"].run.folder.parents[1]
    for name, part in {"CITYSEG_DATA": "set", "CITYSEG_RUNS": "runs", "CITYSEG_CACHE": "cache"}.items():
        monkeypatch.setenv(name, str(folder / part))
    cache._listing.clear()
    return runs


def opened(view: str, **parameters: str) -> AppTest:
    defaults = {"view": view, "runs": "first,second", "split": "val", "from": "first", "to": "second"}
    return open_page("compare", **{**defaults, **parameters})


def net(runs: dict[str, Result], train_id: int | None = None) -> dict[str, int]:
    """Return pixels fixed minus broken by frame of val, counted without the library."""
    stored = [runs[name].run.confusions("val") for name in ("first", "second")]
    classes = range(19) if train_id is None else [train_id]
    right = [[sum(int(matrix[c, c]) for c in classes) for matrix in one.matrices] for one in stored]
    return {name: after - before for name, before, after in zip(stored[0].frames, *right, strict=True)}


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def test_curves_are_smoothed_over_minutes_with_raw_values_behind(results: dict[str, Result]) -> None:
    app = opened("Curves", over="minutes", curves="IoU of car", smoothing="0.5")
    by_title = {chart["layout"]["yaxis"]["title"]["text"]: chart for chart in charts(app)}
    assert set(by_title) == {"loss on train", "loss on val", "IoU of car on val"}
    assert {chart["layout"]["xaxis"]["title"]["text"] for chart in by_title.values()} == {"training time in minutes"}
    car = by_title["IoU of car on val"]
    lines = {trace["name"]: trace for trace in car["data"]}
    epochs = results["second"].run.epochs()
    assert lines["second, raw"]["y"] == [line["val"]["per_class"]["car"]["iou"] for line in epochs]
    assert lines["second"]["x"] == pytest.approx([line["seconds"] / 60 for line in epochs])
    assert lines["second"]["y"][1] == pytest.approx(
        (0.25 * lines["second, raw"]["y"][0] + 0.5 * lines["second, raw"]["y"][1]) / 0.75
    )
    app.select_slider(key="curves_smoothing").set_value("0").run()
    assert all({trace["name"] for trace in chart["data"]} == {"first", "second"} for chart in charts(app))
    assert "smoothing" not in url_parameters(app)
    app.multiselect(key="curves_scores").set_value([]).run()
    assert len(charts(app)) == 2
    assert url_parameter(app, "over") == "minutes"


def test_loss_terms_on_train_only_are_named(results: dict[str, Result]) -> None:
    plain, deep = preset("best-6"), preset("best-7")
    assert glossary.only_on_train({"best-6": plain}) == ""
    assert glossary.only_on_train({"best-6": plain, "deep": deep}) == (
        "On train the loss of deep includes 0.4 times the loss of its coarser levels (deep supervision); the loss on "
        "val is that of the labels alone."
    )
    distilled = plain.model_copy(update={"teacher": "best-5", "teacher_weight": 0.5})
    note = glossary.only_on_train({"x": distilled})
    assert "includes the distillation loss from best-5, at a weight of 0.5; the loss on val" in note
    app = opened("Curves", runs="best-6,best-7", **{"from": "best-6", "to": "best-7"})
    assert sum("On train the loss of best-7 includes" in caption.value for caption in app.caption) == 1


def test_confusions_tab_shows_signed_differences_and_links(results: dict[str, Result]) -> None:
    app = opened("Confusions")
    totals = [results[name].run.confusions("val").matrices.sum(0) for name in ("first", "second")]
    shares = [np.nan_to_num(100 * total / np.maximum(1, total.sum(1, keepdims=True))) for total in totals]
    difference, first, _ = charts(app)
    cell = difference["data"][0]["customdata"][0][0].replace("−", "-")
    assert float(cell) == pytest.approx(shares[1][0, 0] - shares[0][0, 0], abs=0.051)
    assert first["data"][0]["customdata"]
    change = np.abs(shares[1] - shares[0])
    np.fill_diagonal(change, 0)
    truth, predicted = np.unravel_index(change.argmax(), change.shape)
    label = app.button(key=f"confusions_pair_{truth}_{predicted}").label
    before, after = shares[0][truth, predicted], shares[1][truth, predicted]
    assert label.startswith(
        f"first predicts {before:.1f} % of {CLASS_NAMES[truth]} pixels as {CLASS_NAMES[predicted]}, second"
    )
    assert ("worse" in label) == (after > before)
    app.segmented_control(key="confusions_view").set_value("prediction").run()
    column = totals[0][:, 0] / totals[0][:, 0].sum()
    assert url_parameter(app, "share") == "prediction"
    assert "Read a column" in help_texts(app)
    table = app.dataframe[-1].value
    road = table[table["Predicted as"] == "road"]
    for _, row in road.iterrows():
        assert row["first"] == pytest.approx(100 * column[CLASS_NAMES.index(row["Ground truth"])])


@pytest.fixture
def older(results: dict[str, Result]) -> Iterator[None]:
    """Let ``small`` be a result of an earlier version, scored at the network's size."""
    folder = results["small"].run.checkpoint
    card = checkpoint.read_card(folder)
    scores = {split: {**values, "size": [16, 32]} for split, values in card.scores.items()}
    checkpoint.write_card(folder, replace(card, scores=scores))
    cache._listing.clear()
    yield
    checkpoint.write_card(folder, card)
    cache._listing.clear()


def test_results_at_other_sizes_are_not_compared(results: dict[str, Result], older: None) -> None:
    app = opened("Confusions", runs="first,small", to="small")
    assert "small and first are not comparable" in words(app)
    assert "different evaluation sizes (each label's own and 32 × 16 pixels" in words(app)
    assert len(charts(app)) == 2
    app = opened("Pictures", runs="first,small", to="small")
    assert "Not ordered by the difference: different evaluation sizes" in words(app)
    # The flip map itself compares two predictions at the file's own size, which is fair.
    assert {"Fixed", "Broken"} <= {metric.label for metric in app.metric}


def test_frames_are_ordered_most_broken_first(results: dict[str, Result]) -> None:
    app = opened("Pictures")
    ranked = sorted(net(results), key=net(results).__getitem__)
    frames = app.selectbox(key="flips_frame")
    assert frames.options == ranked
    assert frames.value == url_parameter(app, "frame") == ranked[0]
    app.button(key="flips_next").click().run()
    assert url_parameter(app, "frame") == ranked[1]
    app.segmented_control(key="flips_order").set_value("most fixed").run()
    assert app.selectbox(key="flips_frame").value == max(net(results), key=net(results).__getitem__)
    app.selectbox(key="flips_class").set_value("car").run()
    car = net(results, CLASS_NAMES.index("car"))
    values = [car[name] for name in app.selectbox(key="flips_frame").options]
    assert values == sorted(values, reverse=True)
    assert url_parameter(app, "judged") == "car"


def test_flip_shares_equal_those_of_two_predictions(results: dict[str, Result]) -> None:
    name = results["first"].run.confusions("val").frames[2]
    app = opened("Pictures", frame=name)
    assert app.selectbox(key="flips_frame").value == name
    view = api.frame_view(None, "val", name)
    predictions = [api.load_predictor(run).predict(view.photo).train_ids for run in ("first", "second")]
    scored = view.train_ids != 255
    before, after = ((ids == view.train_ids)[scored] for ids in predictions)
    figures = {metric.label: metric.value for metric in app.metric}
    for label, share in {
        "Fixed": (~before & after).mean(),
        "Broken": (before & ~after).mean(),
        "Both wrong": (~before & ~after).mean(),
        "Both right": (before & after).mean(),
    }.items():
        assert figures[label] == (f"{100 * share:.1f} %" if share >= 0.001 or not share else "< 0.1 %")
    table = next(frame.value for frame in app.dataframe if "fixed" in frame.value)
    assert table["fixed"].sum() == (~before & after).sum()
    assert table["broken"].sum() == (before & ~after).sum()


def test_without_the_frames_their_order_is_a_table(
    results: dict[str, Result], streets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYSEG_DATA", str(streets))
    app = opened("Pictures")
    assert "The pictures are missing" in words(app)
    table = next(frame.value for frame in app.dataframe if "fixed − broken" in frame.value)
    assert dict(zip(table["frame"], table["fixed − broken"], strict=True)) == net(results)


def test_one_slider_moves_the_epoch_of_all_runs(results: dict[str, Result]) -> None:
    app = opened("Pictures", show="time-lapse")
    assert list(app.selectbox(key="timelapse_frame").options) == sorted(results["first"].run.probes())
    assert app.select_slider(key="timelapse_epoch").value == "3"
    # The first run has ended after two epochs.
    assert "**first** after epoch 2" in words(app)
    app.select_slider(key="timelapse_epoch").set_value("1").run()
    assert "**first** after epoch 1" in words(app)
    assert "**second** after epoch 1" in words(app)
    assert url_parameter(app, "epoch") == "1"


def test_models_without_probe_frames_show_a_message(results: dict[str, Result]) -> None:
    app = opened("Pictures", runs="better-1,better-2", show="time-lapse")
    assert "None of the selected results has probe frames" in words(app)


def test_command_line_gives_the_same_flips(results: dict[str, Result], cityseg: Callable[..., Any]) -> None:
    document = json.loads(cityseg("flips", "first", "second", "--split", "val", "--json").out)
    assert {entry["frame"]: entry["net"] for entry in document["frames"]} == net(results)
    nets = [entry["net"] for entry in document["frames"]]
    assert nets == sorted(nets)
    assert "flips" not in document
    name = document["frames"][0]["frame"]
    folder = results["first"].run.folder.parents[1] / "set"
    answer = cityseg("flips", "first", "second", "--split", "val", "--frame", name, "--data", folder, "--json")
    (entry,) = json.loads(answer.out)["frames"]
    app = opened("Pictures", frame=name)
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Fixed"] == f"{100 * entry['flips']['fixed']:.1f} %"
    assert figures["Broken"] == f"{100 * entry['flips']['broken']:.1f} %"


def test_command_line_explains_withheld_and_refused_comparisons(
    results: dict[str, Result], older: None, cityseg: Callable[..., Any], streets: Path
) -> None:
    withheld = json.loads(cityseg("flips", "first", "small", "--split", "val", "--json").out)
    (reason,) = withheld["withheld"]
    assert reason.startswith("different evaluation sizes (each label's own and 32 × 16 pixels; ")
    assert "net" not in withheld["frames"][0]
    unknown = cityseg("flips", "first", "second", "--split", "val", "--frame", "nowhere")
    assert unknown.code == 2
    assert "unknown frame 'nowhere' of val: expected one of" in unknown.err
    other = cityseg("flips", "first", "second", "--split", "val", "--data", streets)
    assert other.code == 2
    assert "expected the val frames that first was measured on, found no" in other.err
    assert "Traceback" not in other.err
