from __future__ import annotations

import shutil
import time
from pathlib import Path

import onnxruntime
import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.api import find_result
from cityseg.config.presets import PRESETS, preset
from cityseg.runs import Run, create_run, find_run
from cityseg.ui.train import run_actions
from tests.ui.pages import labelled

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture
def app(workplace: Path) -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=60).run().switch_page("pages/train.py").run()


def words(app: AppTest) -> str:
    return " ".join(
        element.value for kind in (app.markdown, app.caption, app.info, app.warning, app.error) for element in kind
    )


def press(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def shrink(app: AppTest) -> None:
    """Make the settings small enough for a test."""
    app.number_input(key="setting_start_channels").set_value(2)
    app.number_input(key="setting_depth").set_value(1)
    app.number_input(key="setting_height").set_value(16)
    app.number_input(key="setting_width").set_value(32)
    app.number_input(key="setting_epochs").set_value(1)
    app.number_input(key="setting_batch_size").set_value(4).run()


def test_empty_page_points_to_the_start_button(app: AppTest) -> None:
    assert not app.exception
    assert "No training yet" in words(app)
    assert "published **0.181**" in words(app)
    assert "121,691" in words(app), "parameters of better-1, which has experiment-1's network"


def test_preset_fills_the_form_and_changes_are_listed(app: AppTest) -> None:
    press(app, "preset_experiment-2")
    assert app.number_input(key="setting_depth_1").value == 3
    assert app.number_input(key="setting_batch_size_1").value == 256
    assert "the unchanged preset" in words(app)
    app.number_input(key="setting_batch_size_1").set_value(32).run()
    assert "batch size **32** (preset 256)" in words(app)
    assert not app.exception


def test_every_preset_has_a_card_and_the_tab_of_the_chosen_one_is_open(app: AppTest) -> None:
    for name in PRESETS:
        assert app.button(key=f"preset_{name}").label == name
    tabs = {tab.label: tab for tab in app.tabs}
    assert [button.label for button in tabs["Paper baselines"].button] == [
        "experiment-1",
        "experiment-2",
        "experiment-3",
    ]
    assert app.get("tab_container")[0].proto.tab_container.default_tab_index == 1, "better-1 is chosen first"
    press(app, "preset_best-2")
    assert app.get("tab_container")[0].proto.tab_container.default_tab_index == 2


def test_initial_weights_are_chosen_by_name_and_must_fit_the_network(app: AppTest) -> None:
    choice = app.selectbox(key="setting_initial")
    assert choice.value == ""
    assert {"none", "best-1", "experiment-1"} <= set(choice.options)
    choice.set_value("best-1").run()
    assert "initial weights **best-1** (preset –)" in words(app)
    press(app, "start_training")
    assert "expected a model with the config's network, found another block and depth and max_channels and st" in words(
        app
    )
    assert not app.exception


def test_invalid_settings_are_explained(app: AppTest) -> None:
    app.number_input(key="setting_depth").set_value(7).run()
    assert "image_size 64x128 is too small for depth 7" in words(app)
    assert app.button(key="start_training").disabled
    app.number_input(key="setting_depth").set_value(2).run()
    assert not app.button(key="start_training").disabled
    app.number_input(key="setting_learning_rate").set_value(0.0).run()
    assert "learning_rate: input should be greater than 0" in words(app)


def test_settings_without_effect_are_disabled_while_all_settings_are_valid(app: AppTest) -> None:
    assert app.number_input(key="setting_momentum").disabled, "it belongs to sgd"
    assert not app.number_input(key="setting_warmup_share").disabled
    app.segmented_control(key="setting_optimizer").set_value("sgd")
    app.number_input(key="setting_max_channels").set_value(64)
    app.segmented_control(key="setting_architecture").set_value("lraspp").run()
    assert "max_channels: expected architecture unet, found lraspp; use the default" in words(app)
    assert not app.number_input(key="setting_max_channels").disabled
    app.number_input(key="setting_max_channels").set_value(0).run()
    assert not app.number_input(key="setting_momentum").disabled
    assert app.number_input(key="setting_max_channels").disabled, "it belongs to our U-Net"
    assert not app.exception


def test_started_run_finishes_and_is_shown(app: AppTest) -> None:
    shrink(app)
    app.text_input(key="run_name").set_value("small")
    press(app, "start_training")
    assert not app.exception
    assert app.selectbox(key="followed_run").value == "small"
    run = find_run("small")
    deadline = time.monotonic() + 90
    while run.status()["state"] != "finished" and time.monotonic() < deadline:
        assert run.status()["state"] in ("queued", "running"), run.log_tail()
        time.sleep(0.3)
    app.run()
    assert not app.exception
    epochs = next(metric for metric in app.metric if metric.label == "Epochs")
    assert epochs.value == "1 / 1"
    score = next(metric for metric in app.metric if metric.label == "Macro F1")
    assert score.value == f"{run.epochs()[0]['val']['macro']['f1']:.3f}"
    assert app.selectbox(key="probe_frame_small").options == list(run.probes())

    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    assert links["Inspect"] == "result=small"
    assert links["Compare"] == "runs=small%2Cbest-7"
    assert links["Predict"] == "model=small"
    exported = run_actions._onnx("small", app.session_state["data_spec"])
    assert onnxruntime.InferenceSession(exported).get_inputs()

    labelled(app.text_input, "Name").set_value("renamed")
    labelled(app.multiselect, "Tags").set_value(["night"])
    labelled(app.text_area, "Note").set_value("first try")
    labelled(app.button, "Save").click().run()
    assert not app.exception
    assert app.selectbox(key="followed_run").value == "renamed"
    assert api.find_result("renamed").notes == api.Notes(("night",), "first try")
    assert "first try" in [text.value for text in app.text]
    labelled(app.text_input, "Name").set_value("better-1")
    labelled(app.button, "Save").click().run()
    assert "renamed: expected a free name, found 'better-1' taken" in words(app)

    labelled(app.checkbox, "Delete renamed").check().run()
    labelled(app.button, "Delete permanently").click().run()
    assert not app.exception
    assert not run.folder.with_name("renamed").exists()
    assert "No training yet" in words(app)


def test_failed_run_shows_its_error_and_can_be_cloned(app: AppTest) -> None:
    run = create_run(preset("experiment-3"), "broken")
    run.write_status(state="failed", error="broken: the loss became nan by step 3; lower learning_rate")
    app.run()
    assert "the loss became nan by step 3" in words(app)
    assert app.button(key="resume_broken")
    press(app, "clone_broken")
    assert not app.exception
    assert app.number_input(key="setting_depth_1").value == 4
    assert "**experiment-3**, the unchanged preset" in words(app)


def test_run_of_another_machine_cannot_be_stopped(app: AppTest) -> None:
    run = create_run(preset("experiment-1"), "elsewhere")
    run.write_status(state="running", pid=1, process_start=1.0, host="another-machine")
    app.run()
    press(app, "stop_elsewhere")
    assert not app.exception
    assert "stop it there" in words(app)


def test_link_shows_its_run(app: AppTest) -> None:
    create_run(preset("experiment-1"), "older").write_status(state="stopped")
    create_run(preset("experiment-2"), "newer").write_status(state="stopped")
    linked = AppTest.from_file(str(APP), default_timeout=60)
    linked.query_params["run"] = "older"
    linked.switch_page("pages/train.py").run()
    assert not linked.exception
    assert linked.selectbox(key="followed_run").value == "older"


def test_run_without_history_shows_its_scores(workplace: Path, trained: Run) -> None:
    """An average of models has no history."""
    folder = workplace / "runs" / "average"
    shutil.copytree(trained.folder, folder)
    (folder / "history.jsonl").unlink()
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["run"] = "average"
    app.run().switch_page("pages/train.py").run()
    metrics = {metric.label: metric.value for metric in app.metric}
    scores = find_result("average").scores["val"]
    assert metrics["Epochs"] == "3 / 3"
    assert metrics["Macro F1"] == f"{scores['macro']['f1']:.3f}"
    assert metrics["Mean IoU"] == f"{scores['macro']['iou']:.3f}"
    assert f"On val: {scores['classes_above_zero']} of 19 classes have a correct pixel" in words(app)
    assert "and so no curves" in words(app)
