"""The Inspect page in Streamlit's test client."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.classes import CLASS_NAMES
from cityseg.data.synthetic import synthesize
from cityseg.runs import FrameConfusions, Run
from cityseg.ui.app import background, cache
from cityseg.ui.inspect import selection
from tests.ui.pages import open_page, url_parameter, url_parameters


@pytest.fixture
def run(inspected: Run, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    folder = inspected.folder.parents[1]
    monkeypatch.setenv("CITYSEG_DATA", str(folder / "set"))
    monkeypatch.setenv("CITYSEG_RUNS", str(folder / "runs"))
    monkeypatch.setenv("CITYSEG_CACHE", str(folder / "cache"))
    cache._listing.clear()
    return inspected


def opened(run: Run, **parameters: str) -> AppTest:
    return open_page("inspect", **{"result": run.id, "split": "val", **parameters})


def frame_f1(stored: FrameConfusions) -> dict[str, float]:
    """Macro F1 of every frame, by scikit-learn on the pixels that the matrix stands for."""
    scores = {}
    for name, matrix in zip(stored.frames, stored.matrices, strict=True):
        cells = [(i, j) for i, j in np.ndindex(matrix.shape) for _ in range(matrix[i, j])]
        truth, predicted = zip(*cells, strict=True)
        scores[name] = f1_score(truth, predicted, average="macro", zero_division=0)
    return scores


def class_rows(app: AppTest) -> dict[str, dict]:
    table = next(frame.value for frame in app.dataframe if "IoU" in frame.value)
    return {row["class"]: row for row in table.to_dict("records")}


def test_default_frame_is_the_worst_by_macro_f1(run: Run) -> None:
    app = opened(run)
    scores = frame_f1(run.confusions("val"))
    ranked = sorted(scores, key=scores.__getitem__)
    assert app.selectbox(key="inspect_frame").options == ranked
    assert app.selectbox(key="inspect_frame").value == ranked[0]
    assert url_parameter(app, "frame") == ranked[0]
    summary = api.find_result(str(run.folder)).scores["val"]
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Macro F1"] == f"{summary['macro']['f1']:.3f}"
    assert figures["Mean IoU"] == f"{summary['macro']['iou']:.3f}"
    assert figures["Pixel accuracy"] == f"{summary['pixel_accuracy']:.3f}"
    assert figures["Frames of val"] == str(len(ranked))


def test_previous_and_next_follow_the_ranking(run: Run) -> None:
    app = opened(run)
    ranked = app.selectbox(key="inspect_frame").options
    assert app.button(key="inspect_previous").disabled
    app.button(key="inspect_next").click().run()
    app.button(key="inspect_next").click().run()
    assert app.selectbox(key="inspect_frame").value == ranked[2]
    app.button(key="inspect_previous").click().run()
    assert app.selectbox(key="inspect_frame").value == ranked[1]
    assert url_parameter(app, "frame") == ranked[1]
    # Another metric starts at its own worst frame.
    app.selectbox(key="inspect_metric").set_value("pixel accuracy").run()
    assert url_parameter(app, "by") == "pixel accuracy"
    assert app.selectbox(key="inspect_frame").value == app.selectbox(key="inspect_frame").options[0]


def test_table_shows_the_classes_of_the_frame(run: Run) -> None:
    app = opened(run)
    stored = run.confusions("val")
    matrix = stored.matrices[stored.frames.index(app.selectbox(key="inspect_frame").value)]
    rows = class_rows(app)
    occur = {name for index, name in enumerate(CLASS_NAMES) if matrix[index].sum() + matrix[:, index].sum()}
    assert set(rows) == occur
    road = matrix[0, 0] / (matrix[0].sum() + matrix[:, 0].sum() - matrix[0, 0])
    assert rows["road"]["IoU"] == f"{road:.3f}"
    assert rows["road"]["pixels"] == matrix[0].sum()
    for index, name in enumerate(CLASS_NAMES):
        if name in rows:
            wrong = [count for other, count in enumerate(matrix[index]) if other != index]
            assert (rows[name]["mostly"] == "–") == (max(wrong) == 0)


def largest_confusion(stored: FrameConfusions) -> tuple[int, int, float]:
    """Truth, prediction and share of the confusion that takes the largest share of a class."""
    total = stored.matrices.sum(0)
    share = total / np.maximum(1, total.sum(1, keepdims=True))
    np.fill_diagonal(share, 0)
    truth, predicted = np.unravel_index(share.argmax(), share.shape)
    return int(truth), int(predicted), float(share.max())


def test_confusion_orders_frames_and_shows_regions(run: Run) -> None:
    app = opened(run)
    stored = run.confusions("val")
    truth, predicted, share = largest_confusion(stored)
    button = app.button(key=f"inspect_pair_{truth}_{predicted}")
    names = CLASS_NAMES[truth], CLASS_NAMES[predicted]
    assert button.label == f"{100 * share:.1f} % of {names[0]} pixels are predicted as {names[1]}"
    button.click().run()
    assert not app.exception
    pixels = dict(zip(stored.frames, stored.matrices[:, truth, predicted], strict=True))
    expected = sorted((name for name in pixels if pixels[name]), key=lambda name: -pixels[name])
    assert url_parameter(app, "by") == app.selectbox(key="inspect_scope").value == f"{names[0]} predicted as {names[1]}"
    assert app.selectbox(key="inspect_metric").disabled
    assert app.selectbox(key="inspect_frame").options == expected
    assert app.selectbox(key="inspect_frame").value == expected[0]
    assert f"{names[0]} predicted as {names[1]}".capitalize() in [heading.value for heading in app.header]


@pytest.mark.parametrize("metric", ["IoU", "F1", "precision", "recall", "Dice"])
def test_one_class_ranks_only_frames_where_it_occurs(run: Run, metric: str) -> None:
    stored = run.confusions("val")
    occurs = [(m[11].sum() + m[:, 11].sum()) > 0 for m in stored.matrices]
    app = opened(run, by=f"{metric} of person")
    assert app.selectbox(key="inspect_metric").value == metric
    assert app.selectbox(key="inspect_scope").value == "person"
    assert len(app.selectbox(key="inspect_frame").options) == sum(occurs)


def test_metric_and_class_are_separate_choices(run: Run) -> None:
    app = opened(run)
    app.selectbox(key="inspect_metric").set_value("recall").run()
    assert url_parameter(app, "by") == "macro recall"
    app.selectbox(key="inspect_scope").set_value("car").run()
    assert url_parameter(app, "by") == "recall of car"
    # Pixel accuracy is not defined per class.
    app.selectbox(key="inspect_metric").set_value("pixel accuracy").run()
    assert url_parameter(app, "by") == "pixel accuracy"
    assert app.selectbox(key="inspect_scope").value == "all classes"
    app.selectbox(key="inspect_scope").set_value("car").run()
    assert url_parameter(app, "by") == "IoU of car"
    app.selectbox(key="inspect_scope").set_value("all classes").run()
    assert url_parameter(app, "by") == "mean IoU"


def test_default_pixel_is_the_most_confident_error(run: Run) -> None:
    app = opened(run)
    name = app.selectbox(key="inspect_frame").value
    frame = api.frame_view(str(run.folder.parents[1] / "set"), "val", name)
    predictor = api.load_predictor(str(run.folder))
    prediction = predictor.predict(frame.photo)
    wrong = (frame.train_ids != 255) & (frame.train_ids != prediction.train_ids)
    row, column = np.unravel_index(np.where(wrong, prediction.confidence, 0).argmax(), wrong.shape)
    words = f"(row {row}, column {column}) is labelled **{CLASS_NAMES[frame.train_ids[row, column]]}**"
    assert any(words in text.value for text in app.markdown)
    assert "pixel" not in url_parameters(app)
    app.multiselect(key="also").set_value(["better-1"]).run()
    (panel,) = [
        html.proto.body
        for html in app.get("html")
        if "class=&quot;pixel&quot;" in html.proto.body or 'class="pixel"' in html.proto.body
    ]
    assert panel.count("<section>") == 2
    assert panel.count("<li>") == 10
    named = CLASS_NAMES[prediction.train_ids[row, column]]
    column_of = run.confusions("val").matrices.sum(0)[:, prediction.train_ids[row, column]]
    correct = 100 * column_of[prediction.train_ids[row, column]] / column_of.sum()
    assert f"Pixels that inspected predicts as {named} are {named} {correct:.1f} % of the time on val" in panel
    assert f"{100 * prediction.confidence[row, column]:.1f} %" in panel


def test_pixel_in_the_url_applies_to_its_frame_only(run: Run) -> None:
    app = opened(run, pixel="40,100")
    assert any("(row 40, column 100)" in text.value for text in app.markdown)
    app.button(key="inspect_next").click().run()
    assert not any("(row 40, column 100)" in text.value for text in app.markdown)
    assert "pixel" not in url_parameters(app)


@pytest.mark.parametrize("pixel", ["9999,9999", "-1,2", "a,b", "7"])
def test_invalid_pixel_in_the_url_is_ignored(run: Run, pixel: str) -> None:
    app = opened(run, pixel=pixel)
    assert any("most confident error" in text.value for text in app.markdown)


def test_slices_follow_the_chosen_metric(run: Run) -> None:
    app = opened(run, look="Slices", by="IoU of road", cut="city")
    stored = run.confusions("val")
    cities = {frame.name: frame.city for frame in api.connect(str(run.folder.parents[1] / "set")).splits["val"]}
    expected = {}
    for city in set(cities.values()):
        total = sum(m for name, m in zip(stored.frames, stored.matrices, strict=True) if cities[name] == city)
        expected[city] = f"{total[0, 0] / (total[0].sum() + total[:, 0].sum() - total[0, 0]):.3f}"
    table = next(frame.value for frame in app.dataframe if "Slice" in frame.value)
    assert dict(zip(table["Slice"], table["IoU of road"], strict=True)) == expected
    assert list(table["95 % interval"]) == ["not given: fewer than 10 frames"] * len(expected)
    app.segmented_control(key="cut").set_value("brightness").run()
    table = next(frame.value for frame in app.dataframe if "Slice" in frame.value)
    assert len(table) == 3


def test_slice_filters_the_frames(run: Run) -> None:
    app = opened(run, look="Slices", cut="brightness")
    frames = run.confusions("val").frames
    names = app.selectbox(key="inspect_frame").options
    assert len(names) == len(frames)
    app.button(key="inspect_part_brightness_darkest third").click().run()
    assert not app.exception
    assert url_parameter(app, "part") == "brightness: darkest third"
    assert any("**darkest third (" in text.value for text in app.markdown)
    light = api.statistics(str(run.folder.parents[1] / "set"))["val"]
    darkest = light.frames[int(light.brightness.argmin())]
    chosen = app.selectbox(key="inspect_frame").options
    assert darkest in " ".join(chosen)
    assert 0 < len(chosen) < len(frames)
    app.button(key="inspect_all_frames").click().run()
    assert len(app.selectbox(key="inspect_frame").options) == len(frames)
    assert "part" not in url_parameters(app)


def test_label_audit_runs_and_stores_verdicts(run: Run, wait_until: Callable[..., None]) -> None:
    # A copy: verdicts are written into the run's folder.
    folder = run.folder.with_name("audited")
    shutil.copytree(run.folder, folder)
    cache._listing.clear()
    try:
        app = opened(Run(folder), look="Label audit", sure="5")
        app.button(key="audit_audit_begin").click().run()
        wait_until((folder / "audit-val.npz").is_file, 60)
        wait_until(lambda: not any(each.thread.is_alive() for each in background._all_work()[0].values()), 60)
        app.run()
        assert not app.exception
        figures = {metric.label: metric for metric in app.metric}
        labelled = figures["Macro F1, as labelled"].value
        assert labelled == figures["Macro F1"].value
        assert figures["Macro F1, as labelled"].delta == f"{labelled} without wrong labels"
        found = api.audit_report(api.audit_labels("audited", None, "val"), {}, confidence=0.05, limit=2)["regions"]
        assert url_parameter(app, "region") == str(found[0]["number"])
        shown = f"Label: {found[0]['label']} · model: {found[0]['predicted']}"
        assert shown in [heading.value for heading in app.header]
        app.button(key="audit_label").click().run()
        assert not app.exception
        # The next one without a verdict is shown, and the file holds this one.
        assert url_parameter(app, "region") == str(found[1]["number"])
        report = api.audit_report(audit := api.audit_labels("audited", None, "val"), api.read_verdicts(audit))
        assert report["verdicts"] == {"label wrong": 1, "model wrong": 0, "unsure": 0}
        accuracy = {metric.label: metric.delta for metric in app.metric}["Pixel accuracy, as labelled"]
        assert accuracy == f"{report['without_wrong_labels']['pixel_accuracy']:.3f} without wrong labels"
        # The slices by rows use the same pass.
        rows = opened(Run(folder), look="Slices", cut="rows")
        table = next(frame.value for frame in rows.dataframe if "Slice" in frame.value)
        assert table["Pixels"].sum() == run.confusions("val").matrices.sum()
    finally:
        shutil.rmtree(folder)
        cache._listing.clear()


def test_robustness_test_runs_and_shows_its_scores(run: Run, wait_until: Callable[..., None]) -> None:
    """The link names the tab by its former label."""
    folder = run.folder.with_name("changed")
    shutil.copytree(run.folder, folder)
    cache._listing.clear()
    try:
        app = opened(Run(folder), look="Other cameras")
        app.button(key="robustness_begin").click().run()
        wait_until((folder / "robustness-val.json").is_file, 60)
        wait_until(lambda: not any(each.thread.is_alive() for each in background._all_work()[0].values()), 60)
        app.run()
        assert not app.exception
        found = api.measure_robustness("changed", None)
        worst = min(found.changed, key=lambda each: each.f1[0])
        words = f"**Mean macro F1 {found.mean_f1:.3f} of {found.plain.f1[0]:.3f}: "
        assert any(text.value.startswith(words) for text in app.markdown)
        assert any(f"Lowest: {worst.name} ({worst.words})" in text.value for text in app.markdown)
        table = next(frame.value for frame in app.dataframe if "Corruption" in frame.value)
        scores = [f"{each.f1[0]:.3f}" for each in (found.plain, *found.changed)]
        assert list(table["Macro F1"]) == scores
    finally:
        shutil.rmtree(folder)
        cache._listing.clear()


def test_frame_in_the_url_is_shown(run: Run) -> None:
    name = run.confusions("test").frames[-1]
    app = opened(run, split="test", frame=name)
    assert app.selectbox(key="inspect_frame").value == name


@pytest.mark.parametrize("connected", ["nowhere", "other"])
def test_scores_are_shown_without_the_frames(
    run: Run, connected: str, streets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYSEG_DATA", str(streets) if connected == "other" else "nowhere")
    app = opened(run)
    assert any("pictures are missing" in info.value for info in app.info)
    assert "road" in class_rows(app)
    assert len(app.selectbox(key="inspect_frame").options) == len(run.confusions("val").frames)


def test_frames_of_another_dataset_with_the_same_names_are_not_used(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesize(tmp_path / "twin", frames=30, seed=6, size=(64, 128))
    twin = api.connect(str(tmp_path / "twin")).splits["val"]
    assert tuple(frame.name for frame in twin) == run.confusions("val").frames
    monkeypatch.setenv("CITYSEG_DATA", str(tmp_path / "twin"))
    assert any("pictures are missing" in info.value for info in opened(run).info)


def test_page_without_results_suggests_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "evaluated_results", list)
    app = opened(run)
    assert "no result to inspect yet" in app.info[0].value


def test_older_link_to_a_confusion_still_works(run: Run) -> None:
    truth, predicted, _ = largest_confusion(run.confusions("val"))
    app = opened(run, by=f"{CLASS_NAMES[truth]} called {CLASS_NAMES[predicted]}")
    assert url_parameter(app, "by") == f"{CLASS_NAMES[truth]} predicted as {CLASS_NAMES[predicted]}"
    assert app.selectbox(key="inspect_scope").value == url_parameter(app, "by")
