"""The queue, sweeps and groups on the Train page, through Streamlit's own test client; no process is started."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.config import ExperimentConfig
from cityseg.jobs import queue
from cityseg.jobs.liveness import process_identity
from cityseg.runs import create_run, find_run

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture
def open_page(workplace: Path, launches: list[str]) -> Callable[[], AppTest]:
    def opened() -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60).run().switch_page("pages/train.py").run()
        assert not app.exception, app.exception[0].message
        return app

    return opened


@pytest.fixture
def busy(tiny: Callable[..., ExperimentConfig], workplace: Path) -> None:
    """A running training that takes the slot; its process is that of the test."""
    pid = os.getpid()
    status = {"pid": pid, "process_start": process_identity(pid), "host": socket.gethostname()}
    create_run(tiny(), "busy").write_status(state="running", **status)


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.warning, app.error)
    return " ".join(element.value for kind in kinds for element in kind)


def rows(app: AppTest) -> list[str]:
    prefix = "queue_look_"
    return [button.key.removeprefix(prefix) for button in app.button if str(button.key).startswith(prefix)]


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, app.exception[0].message
    return app


def test_training_starts_if_a_slot_is_free(open_page: Callable[[], AppTest], launches: list[str]) -> None:
    app = open_page()
    assert "No run is running or waiting" in words(app)
    assert app.button(key="start_training").label == "Start training"
    app.text_input(key="run_name").set_value("first")
    press(app, "start_training")
    assert launches == ["first"]
    assert app.selectbox(key="followed_run").value == "first"
    assert rows(app) == ["first"]
    assert app.button(key="start_training").label == "Add to the queue"


def test_runs_without_a_slot_wait_and_can_be_moved_and_removed(
    open_page: Callable[[], AppTest], launches: list[str], busy: None
) -> None:
    app = open_page()
    assert app.button(key="start_training").label == "Add to the queue"
    for name in ("one", "two", "three"):
        app.text_input(key="run_name").set_value(name)
        press(app, "start_training")
    assert set(launches) <= {"watcher"}
    assert app.selectbox(key="followed_run").value == "busy", "a waiting run has nothing to show yet"
    assert rows(app) == ["busy", "one", "two", "three"]
    assert "1 running, 3 waiting" in words(app)
    assert "3 waiting in the queue" in words(app)
    assert (app.button(key="queue_earlier_one").disabled, app.button(key="queue_later_three").disabled) == (True, True)

    other = open_page()
    press(other, "queue_earlier_three")
    assert rows(other) == ["busy", "one", "three", "two"]
    assert rows(app.run()) == rows(other), "every tab shows the same"
    press(other, "queue_withdraw_one")
    assert rows(other) == ["busy", "three", "two"]
    press(app, "queue_later_one")  # this tab still shows the removed run; the click has no effect
    assert rows(app) == ["busy", "three", "two"]
    assert find_run("one").status()["state"] == "stopped"

    press(app, "queue_look_three")
    assert app.selectbox(key="followed_run").value == "three"
    assert "The curves begin with the first steps, when a slot of the queue is free." in words(app)
    press(app, "queue_withdraw_all")
    assert rows(app) == ["busy"]


def test_errors_of_actions_are_shown_below_the_rows(open_page: Callable[[], AppTest], busy: None) -> None:
    queue.enqueue([create_run(find_run("busy").config(), "late")])
    app = open_page()
    queue.withdraw(["late"])
    press(app, "queue_withdraw_late")
    assert "late: expected a run that waits in the queue, found it stopped" in words(app)


def test_slots_are_set_here_and_follow_changes_elsewhere(
    open_page: Callable[[], AppTest], launches: list[str], busy: None
) -> None:
    queue.enqueue([create_run(find_run("busy").config(), "late")])
    app = open_page()
    app.number_input(key="queue_slots").set_value(2).run()
    assert not app.exception
    assert api.find_queue().slots == 2
    assert "late" in launches
    api.set_slots(3)
    assert app.run().number_input(key="queue_slots").value == 3


def test_sweep_shows_its_number_of_runs_and_queues_them(open_page: Callable[[], AppTest], busy: None) -> None:
    app = open_page()
    assert app.button(key="sweep_add").disabled
    assert "Choose a setting to vary, or list two seeds" in words(app)
    app.multiselect(key="sweep_fields").set_value(["learning_rate", "flip"]).run()
    assert "List values for learning rate" in words(app)
    app.text_input(key="sweep_values_learning_rate").set_value("0.001, 0.003")
    app.text_input(key="sweep_values_flip").set_value("true, maybe")
    app.text_input(key="sweep_seeds").set_value("0, 1").run()
    assert "flip=maybe: flip: expected true or false" in words(app)
    assert app.button(key="sweep_add").disabled
    app.text_input(key="sweep_values_flip").set_value("true").run()
    assert "2 values of learning rate × 1 value of random horizontal flip × 2 seeds = **4 runs**" in words(app)
    assert app.button(key="sweep_add").label == "Add 4 runs to the queue"
    app.text_input(key="sweep_group").set_value("rates").run()
    press(app, "sweep_add")
    assert rows(app) == ["busy", "rates-1", "rates-2", "rates-3", "rates-4"]
    assert ":small[:gray[learning rate 0.003 · seed 1]]" in words(app)
    config = find_run("rates-4").config()
    assert (config.learning_rate, config.seed, config.group, config.preset) == (0.003, 1, "rates", "better-1")


def test_random_sweep_samples_from_ranges(open_page: Callable[[], AppTest], busy: None) -> None:
    app = open_page()
    app.segmented_control(key="sweep_kind").set_value("Random").run()
    app.multiselect(key="sweep_fields").set_value(["learning_rate"]).run()
    app.text_input(key="sweep_values_learning_rate").set_value("1e-4..1e-2")
    app.number_input(key="sweep_draws").set_value(3).run()
    assert "3 samples = **3 runs**" in words(app)
    press(app, "sweep_add")
    rates = [find_run(name).config().learning_rate for name in rows(app)[1:]]
    assert len(set(rates)) == 3
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert find_run(rows(app)[1]).config().group == "better-1-sweep"


def test_groups_show_mean_and_deviation_and_a_dash_for_one_seed(
    open_page: Callable[[], AppTest], tiny: Callable[..., ExperimentConfig], streets: Path
) -> None:
    assert not any(table.key == "group_luck" for table in open_page().dataframe)
    for seed in (0, 1):
        settings = tiny(epochs=1, half_size_epochs=0, group="luck", seed=seed)
        api.train(settings, str(streets), name=f"luck-{seed}")
    api.train(tiny(epochs=1, half_size_epochs=0, group="luck", flip=False), str(streets), name="luck-2")
    app = open_page()
    table = app.dataframe[-1].value.set_index("Random horizontal flip")
    assert dict(table["Seeds"]) == {"yes": "2", "no": "1"}
    first, second = (api.find_result(f"luck-{seed}").score("val", "f1") for seed in (0, 1))
    assert first is not None
    assert second is not None
    deviation = abs(first - second) / 2**0.5
    assert table.loc["yes", "Macro F1 on val"] == f"{(first + second) / 2:.3f} ± {deviation:.3f}"
    assert table.loc["yes", "Min-max F1 on val"] == f"{min(first, second):.3f} to {max(first, second):.3f}"
    assert table.loc["no", "Macro F1 on val"].endswith("± –")
    assert table.loc["no", "Min-max F1 on val"] == "–"
