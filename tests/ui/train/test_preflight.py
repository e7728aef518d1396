from __future__ import annotations

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.api.training import preflight
from cityseg.config.presets import preset
from cityseg.ui.train.cost import compact, step_time

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture
def app(workplace: Path) -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=60).run().switch_page("pages/train.py").run()


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success)
    return " ".join(element.value for kind in kinds for element in kind)


def metric(app: AppTest, label: str) -> str:
    return next(element.value for element in app.metric if element.label == label)


def recorded(kind, config, **result):
    """Record a finished check, as its process would."""
    folder = preflight.preflight_record(kind, config, os.environ["CITYSEG_DATA"], None)
    with folder.recorded(str):
        folder.finish(result)
    return folder


def test_cost_follows_the_settings(app: AppTest) -> None:
    assert not app.exception
    assert (metric(app, "Parameters"), metric(app, "MACs")) == ("122 k", "74.6 M")
    assert metric(app, "Memory") == "0.8 GB"
    assert metric(app, "Time") == "–"
    assert "**5** steps in 5 epochs over 7 frames" in words(app)
    assert "batch_size 16 is larger than the training split of 7 frames" in words(app)
    app.number_input(key="setting_start_channels").set_value(16).run()
    assert metric(app, "Parameters") == "484 k"
    app.number_input(key="setting_batch_size").set_value(1).run()
    assert "larger than the training split" not in words(app)
    assert not app.exception


def test_measured_pace_gives_the_time_of_its_settings_only(app: AppTest) -> None:
    pace = {"step_seconds": 60.0, "half_step_seconds": None, "first_step_seconds": 60.0, "evaluation_seconds": 0.0}
    pace |= {"scoring_seconds": 0.0, "steps": 8, "peak_bytes": 3 * 2**30, "batch_size": 7, "source": "noise"}
    recorded("estimate", preset("better-1"), **pace)
    app.run()
    assert (metric(app, "Time"), metric(app, "Memory")) == ("5 min", "3.0 GB")
    assert "**60 s** per step of 7 frames" in words(app)
    assert "noise, as the data is not prepared at this size" in words(app)
    app.number_input(key="setting_epochs").set_value(10).run()
    assert metric(app, "Time") == "10 min"
    app.number_input(key="setting_depth").set_value(1).run()
    assert metric(app, "Time") == "–"
    assert not app.exception


def test_suggested_learning_rate_fills_the_form(app: AppTest) -> None:
    points = [{"learning_rate": 10.0**power, "loss": 2.0} for power in (-5, -3, -1)]
    result = {"points": points, "smoothed": [2.0, 1.0, 3.0], "suggestion": 0.0123456, "diverged": True}
    recorded("lr-find", preset("better-1"), verdict="The loss falls fastest at 0.012.", **result)
    app.run()
    assert "The loss falls fastest at 0.012." in words(app)
    app.button(key="trial_use_rate").click().run()
    assert not app.exception
    assert app.number_input(key="setting_learning_rate_1").value == 0.012
    assert "learning rate **0.012** (preset 0.006)" in words(app)
    assert app.button(key="trial_use_rate").disabled, "the form has this learning rate"
    assert "The loss falls fastest at 0.012." in words(app), "the curve is independent of the form's learning rate"


def test_outcome_of_a_check_is_shown(app: AppTest) -> None:
    points = [{"step": 1, "loss": 3.0, "macro_f1": 0.1}]
    result = {"points": points, "frames": ["a"], "steps": 300, "outcome": "stuck"}
    recorded("overfit", preset("better-1"), verdict="The config cannot overfit 8 frames.", **result)
    app.run()
    assert "cannot overfit 8 frames" in " ".join(element.value for element in app.warning)
    folder = preflight.preflight_record("overfit", preset("better-1"), os.environ["CITYSEG_DATA"], None)
    with pytest.raises(ZeroDivisionError), folder.recorded(str):
        raise ZeroDivisionError
    app.run()
    assert "8-frame check failed" in " ".join(element.value for element in app.error)
    assert not app.exception


def test_check_is_started_followed_and_stopped(app: AppTest, wait_until) -> None:
    app.number_input(key="setting_learning_rate").set_value(1e-7).run()
    app.button(key="trial_overfit").click().run()
    assert not app.exception
    [running] = api.running_checks()
    assert running.config.learning_rate == 1e-7
    assert app.button(key="trial_estimate").disabled
    # Other settings do not hide the running check.
    app.number_input(key="setting_depth").set_value(1).run()
    assert "they have changed since" in words(app)
    app.button(key="trial_stop").click().run()
    wait_until(lambda: not api.running_checks())
    app.number_input(key="setting_depth").set_value(2).run()
    assert "8-frame check: stopped." in words(app)
    assert not app.button(key="trial_estimate").disabled
    assert not app.exception


def test_counts_have_three_significant_digits() -> None:
    assert [compact(number) for number in (0, 950, 121_691, 999_600, 7_781_923, 1_882_193_920, 15_230_000_000)] == [
        "0",
        "950",
        "122 k",
        "1.00 M",
        "7.78 M",
        "1.88 G",
        "15.2 G",
    ]
    assert [step_time(seconds) for seconds in (0.0241, 0.9996, 1.3456, 25.78)] == ["24 ms", "1 s", "1.35 s", "25.8 s"]
