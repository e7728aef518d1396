from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api, checkpoint
from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.comparison.contributions import contributions
from cityseg.analysis.comparison.verdicts import LABELS
from cityseg.analysis.tables import to_csv
from cityseg.api import Result
from cityseg.api.results.folders import shipped_root
from cityseg.classes import CLASS_NAMES
from cityseg.config import build
from cityseg.data.synthetic import synthesize
from cityseg.runs import Run, create_run
from cityseg.ui.app import cache
from cityseg.ui.common import export
from tests.ui.pages import labelled, open_page, url_parameter, url_parameters, words

TINY = {"start_channels": 2, "depth": 1, "epochs": 1, "batch_size": 4, "precision": "float32"}
ORDER = ("experiment-1", "better-1")
opened = partial(open_page, "compare")
SIZES = {"first": (16, 32), "second": (16, 32), "large": (32, 64)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, streets: Path, session_cache: Path) -> dict[str, Result]:
    """Two runs at one size and one at another."""
    folder = tmp_path_factory.mktemp("compare-page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(session_cache))
        return {
            name: api.train(build({**TINY, "image_size": size, "seed": seed}), str(streets), name=name, runs=folder)
            for seed, (name, size) in enumerate(SIZES.items())
        }


@pytest.fixture
def results(runs: dict[str, Result], workplace: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Result]:
    monkeypatch.setenv("CITYSEG_RUNS", str(runs["first"].run.folder.parent))
    return runs


def class_rows(app: AppTest) -> dict[str, dict]:
    """Return the scores by class, with the Scores tab shown as a table."""
    app.segmented_control(key="scores_view").set_value("table").run()
    table = next(frame.value for frame in app.dataframe if "Class" in frame.value)
    return {row["Class"]: row for row in table.to_dict("records")}


def chart_named(app: AppTest, key: str) -> bool:
    """Whether a chart with this key is on the page."""
    return any(chart.proto.id.endswith(f"-{key}") for chart in app.get("plotly_chart"))


def test_scores_are_those_of_the_run_folders(results: dict[str, Result]) -> None:
    app = opened(runs="first,second")
    best = max(results[name].score("test", "f1") or 0 for name in ("first", "second"))
    leader = max(("first", "second"), key=lambda name: results[name].score("test", "f1") or 0)
    assert "Best of 2 results" in words(app)
    assert f"**{leader}**, macro F1 {best:.3f}." in words(app)
    rows = class_rows(app)
    summary = results["second"].scores["test"]
    assert rows["road"]["second"] == summary["per_class"]["road"]["f1"]
    assert rows["macro mean"]["second"] == summary["macro"]["f1"]
    app.segmented_control(key="compare_metric").set_value("recall").run()
    assert class_rows(app)["road"]["second"] == summary["per_class"]["road"]["recall"]


def test_scores_are_shown_in_one_view_at_a_time(results: dict[str, Result]) -> None:
    charts = {"heatmap": ["matrix"], "bars": ["bars"], "table": []}
    app = opened(runs="first,second")
    for view, keys in charts.items():
        app.segmented_control(key="scores_view").set_value(view).run()
        assert [key for key in ("matrix", "bars") if chart_named(app, key)] == keys
        assert any("Class" in frame.value for frame in app.dataframe) == (view == "table")
        assert url_parameters(app).get("as") == (None if view == "heatmap" else view)


def test_bars_are_refused_for_too_many_results(shipped_only: None) -> None:
    names = "best-1,best-2,best-3,best-4,best-5,best-6,best-7"
    app = opened(runs=names, **{"as": "bars"})
    assert "Bars show up to 6 results" in words(app)
    assert not chart_named(app, "bars")


def test_the_table_counts_the_classes_found(results: dict[str, Result]) -> None:
    row = opened(runs="first").dataframe[0].value.set_index("Name").loc["first"]
    per_class = results["first"].scores["test"]["per_class"]
    assert row["Classes found"] == sum((scores["recall"] or 0) > 0 for scores in per_class.values())


def test_baseline_gives_signed_differences(results: dict[str, Result]) -> None:
    app = opened(runs="first,second", baseline="first")
    first, second = (results[name].scores["test"]["macro"]["f1"] for name in ("first", "second"))
    assert class_rows(app)["macro mean"]["second − first"] == pytest.approx(second - first)
    assert "Not comparable" not in words(app)


def test_results_at_different_network_sizes_are_compared_at_the_labels_own_size(results: dict[str, Result]) -> None:
    app = opened(runs="first,large", baseline="first")
    assert "different evaluation sizes" not in words(app)
    assert "large − first" in class_rows(app)["road"]


def test_split_is_kept_in_the_url(results: dict[str, Result]) -> None:
    app = opened(runs="first", split="val")
    rows = class_rows(app)
    assert rows["road"]["first"] == results["first"].scores["val"]["per_class"]["road"]["f1"]
    assert url_parameter(app, "split") == "val"
    assert url_parameter(app, "runs") == "first"


def test_settings_tab_lists_only_differing_settings(results: dict[str, Result]) -> None:
    app = opened(runs="first,large", view="Settings")
    settings = next(frame.value for frame in app.dataframe if "Setting" in frame.value)
    assert list(settings["Setting"]) == ["Frame size", "Seed"]
    assert list(settings["large"]) == ["64 × 32", "2"]


def test_the_newest_run_and_its_best_comparable_results_are_selected(results: dict[str, Result]) -> None:
    app = opened()
    table = app.dataframe[0].value
    assert {"first", "second", "large"} <= set(table["Name"])
    newest = next(name for name in table["Name"] if name in results)
    chosen = url_parameter(app, "runs").split(",")
    assert newest in chosen
    assert set(chosen) == {"first", "second", "large"}, "the shipped models were measured on other data"
    assert "different ways" not in words(app)


def test_without_a_run_the_best_models_are_selected(shipped_only: None) -> None:
    chosen = url_parameter(opened(), "runs").split(",")
    assert "best-7" in chosen
    assert len(chosen) == 6


def test_results_without_a_score_come_last(results: dict[str, Result], tiny: Callable[..., Any]) -> None:
    create_run(tiny(), "waiting")
    names = list(opened().dataframe[0].value["Name"])
    assert names[-1] == "waiting"


def test_a_saved_table_holds_scores_and_differences(
    results: dict[str, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: dict[str, str] = {}
    monkeypatch.setattr(
        export, "table", lambda frame, file, key, signed=(): saved.update({key: to_csv(export.to_table(frame, signed))})
    )
    opened(runs="first,second", baseline="first")
    rows = {row["Name"]: row for row in csv.DictReader(io.StringIO(saved["results"]))}
    for name in ("first", "second"):
        assert float(rows[name]["Macro F1"]) == pytest.approx(results[name].score("test", "f1"), abs=1e-6)
        difference = results[name].score("test", "f1") - results["first"].score("test", "f1")
        assert float(rows[name]["Macro F1 minus first"]) == pytest.approx(difference, abs=1e-6)
        assert rows[name]["Parameters"] == str(results[name].parameters)
    assert rows["better-1"]["Macro F1"]
    assert rows["better-1"]["Macro F1 minus first"] == ""


def test_page_without_results_suggests_training(
    results: dict[str, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYSEG_RUNS", str(tmp_path / "none"))
    monkeypatch.setattr(cache, "all_results", lambda: [])
    assert "Nothing to compare yet" in words(opened())


def test_summary_compares_the_best_result_with_the_baseline(results: dict[str, Result]) -> None:
    """The test split has a single frame, so no difference is significant."""
    text = words(opened(runs="first,second", baseline="first"))
    difference = results["second"].score("test", "f1") - results["first"].score("test", "f1")
    assert "second is not significantly different from first: macro F1" in text
    assert f"{abs(difference):.3f}" in text
    assert "a single frame decides, over 1 frame." in text


@pytest.fixture
def shipped_only(workplace: Path) -> None:
    """An empty folder of runs, so that only the shipped models are listed."""


@pytest.fixture
def older(trained: Run, workplace: Path) -> str:
    """better-3 as an earlier version scored it, at the network's size, among the runs."""
    folder = shutil.copytree(shipped_root() / "better-3", workplace / "runs" / "older")
    shutil.copy(trained.folder / "status.json", folder)
    card = checkpoint.read_card(folder)
    scores = {split: {**values, "size": [128, 256]} for split, values in card.scores.items()}
    checkpoint.write_card(folder, replace(card, scores=scores))
    return folder.name


def shown(app: AppTest, column: str) -> pd.DataFrame:
    return next(frame.value for frame in app.dataframe if column in frame.value)


def test_table_shows_differences_from_the_baseline(older: str) -> None:
    app = opened(runs="better-2", baseline="better-1")
    table = shown(app, "Macro F1").set_index("Name")
    scores = {name: api.find_result(name).score("test", "f1") for name in table.index}
    assert table.loc["better-1", "Baseline"] == "★"
    assert table.loc["better-2", "Macro F1"] == pytest.approx(scores["better-2"] - scores["better-1"])
    assert np.isnan(table.loc[older, "Macro F1"]), "another size: withheld"
    assert "better-2 is better than better-1: macro F1 +" in words(app)
    assert url_parameter(app, "baseline") == "better-1"


def test_search_and_columns_narrow_the_table_and_keep_the_selection(shipped_only: None) -> None:
    app = opened(runs="better-1,experiment-1")
    app.text_input(key="find").set_value("better one-cycle").run()
    assert list(shown(app, "Macro F1")["Name"]) == ["better-1", "better-2", "better-3"]
    assert url_parameter(app, "runs") == "better-1,experiment-1"
    assert "Selected, but hidden by the filters: experiment-1" in words(app)
    app.multiselect(key="columns").set_value(["Mean IoU", "Seed"]).run()
    assert url_parameter(app, "columns") == "Mean IoU,Seed"
    app.text_input(key="find").set_value("no such thing").run()
    assert not app.exception
    assert url_parameter(app, "runs") == "better-1,experiment-1"


def test_significance_has_verdicts_intervals_and_reasons(shipped_only: None) -> None:
    app = opened(runs="experiment-1,better-1", baseline="experiment-1", view="Significance", metric="iou")
    expected = bootstrap.compare(*(api.find_result(name).run.confusions("test").matrices for name in ORDER))
    table = shown(app, "Verdict").set_index("Score or class")
    for name, estimate in {**expected.classes("iou"), "mean IoU": expected.macro("iou")}.items():
        assert table.loc[name, "Difference"] == pytest.approx(estimate.difference)
        assert table.loc[name, "Low"] == pytest.approx(estimate.low, nan_ok=True)
        assert LABELS[estimate.verdict] in table.loc[name, "Verdict"]
    assert table.loc["train", "Reason"] == "one or two of 3 frames dominate"
    won = next(metric for metric in app.metric if metric.label == "Classes better-1 won")
    assert won.value == str(sum(one.verdict == "better" for one in expected.classes("iou").values()))


def test_contributions_list_the_frames_behind_a_class(shipped_only: None) -> None:
    app = opened(runs="experiment-1,better-1", baseline="experiment-1", view="Contribution by class", metric="iou")
    first, second = (api.find_result(name).run.confusions("test") for name in ORDER)
    expected = contributions(first.matrices, second.matrices, "iou")
    app.selectbox(key="compare_class").set_value("rider").run()
    assert url_parameter(app, "class") == "rider"
    table = shown(app, "Adds")
    order = np.argsort(-np.abs(expected.frames[:, CLASS_NAMES.index("rider")]), kind="stable")[: len(table)]
    assert list(table["Frame"]) == [first.frames[index] for index in order]
    assert list(table["Adds"]) == pytest.approx(list(expected.frames[order, CLASS_NAMES.index("rider")] * 1000))
    query = parse_qs(urlsplit(table["Open better-1"][0]).query)
    assert query == {"result": ["better-1"], "split": ["test"], "by": ["IoU of rider"], "frame": [table["Frame"][0]]}


def test_all_candidates_are_compared_with_the_baseline(shipped_only: None) -> None:
    app = opened(runs="experiment-1,better-1,better-2", baseline="experiment-1", view="Significance", metric="f1")
    table = shown(app, "Classes won").set_index("Result")
    assert list(table.index) == ["better-2", "better-1"]
    assert list(table["Verdict"]) == ["▲ better", "▲ better"]
    assert table.loc["better-1", "Lost"] == "rider"


def test_later_link_selects_its_runs(shipped_only: None) -> None:
    app = opened(runs="better-1,better-2")
    app.switch_page("pages/inspect.py").run()
    app.query_params["runs"] = "experiment-1,better-1"
    app.switch_page("pages/compare.py").run()
    assert url_parameter(app, "runs") == "better-1,experiment-1"
    assert "Best of 2 results" in words(app)
    assert "better-1 is better than experiment-1" in words(app)


@pytest.mark.parametrize("view", ["Scores", "Significance", "Contribution by class"])
def test_results_at_other_sizes_are_not_compared(older: str, view: str) -> None:
    app = opened(runs=f"better-1,{older}", baseline="better-1", view=view)
    assert "**older**: different evaluation sizes (each label's own and 256 × 128 pixels; cityseg evaluate" in words(
        app
    )
    if view == "Scores":
        assert "older − better-1" not in class_rows(app)["road"]
        assert "measured in 2 different ways" in words(opened(runs=f"better-1,{older}"))
        assert "scored at the network's size, 256 × 128 pixels" in words(app)
    else:
        assert "Tick at least two results that were measured on the same frames at the same size" in words(app)


def test_published_figures_are_shown_but_not_subtracted(shipped_only: None) -> None:
    rows = class_rows(opened(runs="better-1,better-2", baseline="better-1", published="true", metric="recall"))
    assert rows["road"]["experiment 1 (published, full data)"] == 0.995
    assert np.isnan(rows["bicycle"]["experiment 1 (published, full data)"])
    assert [name for name in rows["road"] if "−" in name] == ["better-2 − better-1"]
    assert "The paper published no IoU" in words(opened(runs="better-1", published="true", metric="iou"))


def test_classes_can_be_sorted_by_their_difference(shipped_only: None) -> None:
    rows = class_rows(opened(runs="better-1,better-2", baseline="better-1", order="gain"))
    changes = [row["better-2 − better-1"] for name, row in rows.items() if name != "macro mean"]
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize(("former", "column"), [("Certainty", "Verdict"), ("Why", "Adds")])
def test_links_with_former_tab_labels_stay_valid(shipped_only: None, former: str, column: str) -> None:
    assert len(shown(opened(runs="experiment-1,better-1", view=former), column))


def test_selected_results_are_tagged_archived_and_deleted_together(
    results: dict[str, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(results["first"].run.folder.parent, tmp_path / "copies")
    monkeypatch.setenv("CITYSEG_RUNS", str(tmp_path / "copies"))
    app = opened(runs="first,second")
    labelled(app.multiselect, "Add tags").set_value(["night", "small"])
    labelled(app.button, "Save").click().run()
    assert [api.find_result(name).notes.tags for name in ("first", "second", "large")] == [("night", "small")] * 2 + [
        ()
    ]
    assert {row["Name"]: row["Tags"] for row in listed(app)}["first"] == "night, small"
    labelled(app.multiselect, "Tags").set_value(["night"]).run()
    assert {row["Name"] for row in listed(app)} == {"first", "second"}
    labelled(app.button, "Archive").click().run()
    assert not app.exception
    assert listed(app) == []
    labelled(app.toggle, "Archived").set_value(True).run()
    assert {row["Name"] for row in listed(app)} == {"first", "second"}
    labelled(app.checkbox, "Delete 2 results").check().run()
    labelled(app.button, "Delete permanently").click().run()
    assert not app.exception
    left = {result.id for result in api.list_results(shipped=False)}
    assert "large" in left
    assert not {"first", "second"} & left


def listed(app: AppTest) -> list[dict]:
    """Return the rows of the table of results."""
    return next(frame.value for frame in app.dataframe if "Name" in frame.value).to_dict("records")


def test_models_are_measured_on_the_connected_data(
    results: dict[str, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    synthesize(tmp_path / "town", frames=8, seed=4, size=(32, 64))
    shutil.copytree(results["first"].run.folder.parent, tmp_path / "copies")
    monkeypatch.setenv("CITYSEG_RUNS", str(tmp_path / "copies"))
    app = opened(data=str(tmp_path / "town"), runs="first,second", split="val")
    assert set(app.multiselect(key="measure_models").value) == {"first", "second"}
    app.multiselect(key="measure_models").set_value(["second"]).run()
    labelled(app.button, "Measure").click().run()
    assert not app.exception
    assert labelled(app.button, "Stop")
    wait_until(lambda: api.find_measuring().status.state != "running")
    app.run()
    assert not app.exception
    assert "second@town" in url_parameter(app, "runs").split(",")
    row = next(row for row in listed(app) if row["Name"] == "second@town")
    assert row["Macro F1"] == pytest.approx(api.evaluate("second", str(tmp_path / "town"), "val")["macro"]["f1"])
    assert listed(app)[0]["Name"] == "second@town", "results on the connected data come first"
    assert app.multiselect(key="measure_models").value == ["first"], "second has been measured"
