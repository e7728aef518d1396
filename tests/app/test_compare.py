from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.api import Result
from cityseg.config import build
from cityseg.ui import cached

APP = Path(__file__).parents[2] / "app.py"
TINY = {"start_channels": 2, "depth": 1, "epochs": 1, "batch_size": 4, "precision": "float32"}
SIZES = {"first": (16, 32), "second": (16, 32), "large": (32, 64)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, streets: Path, session_cache: Path) -> dict[str, Result]:
    """Two runs at one size and one at another."""
    folder = tmp_path_factory.mktemp("compare-page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(session_cache))
        return {
            name: api.train(build({**TINY, "image_size": size, "seed": seed}), str(streets), name=name, runs=folder)
            for seed, (name, size) in enumerate(SIZES.items())
        }


@pytest.fixture
def around(world: dict[str, Result], workplace: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Result]:
    monkeypatch.setenv("CITYSEG_RUNS", str(world["first"].run.folder.parent))
    return world


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/compare.py").run()
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest) -> str:
    return " ".join(
        element.value for kind in (app.markdown, app.caption, app.info, app.warning, app.error) for element in kind
    )


def class_rows(app: AppTest) -> dict[str, dict]:
    table = next(frame.value for frame in app.dataframe if "Class" in frame.value)
    return {row["Class"]: row for row in table.to_dict("records")}


def test_scores_are_those_of_the_run_folders(around: dict[str, Result]) -> None:
    app = opened(runs="first,second")
    best = max(around[name].score("test", "f1") or 0 for name in ("first", "second"))
    assert next(metric for metric in app.metric if metric.label == "Macro F1").value == f"{best:.3f}"
    assert "Best of 2 results" in words(app)
    assert "intervals are not computed yet" in words(app)
    rows = class_rows(app)
    summary = around["second"].scores["test"]
    assert rows["road"]["second"] == summary["per_class"]["road"]["f1"]
    assert rows["macro mean"]["second"] == summary["macro"]["f1"]
    app.segmented_control(key="compare_metric").set_value("recall").run()
    assert class_rows(app)["road"]["second"] == summary["per_class"]["road"]["recall"]


def test_a_baseline_gives_signed_differences(around: dict[str, Result]) -> None:
    app = opened(runs="first,second", baseline="first")
    first, second = (around[name].scores["test"]["macro"]["f1"] for name in ("first", "second"))
    assert class_rows(app)["macro mean"]["second − first"] == pytest.approx(second - first)
    assert "Not subtracted" not in words(app)


def test_differences_are_withheld_across_sizes_and_say_why(around: dict[str, Result]) -> None:
    app = opened(runs="first,large", baseline="first")
    assert "**large**: different evaluation sizes (16x32 and 32x64 pixels)" in words(app)
    assert "measured in 2 different ways" in words(app)
    assert "large − first" not in class_rows(app)["road"]


def test_the_split_is_chosen_and_kept_in_the_address(around: dict[str, Result]) -> None:
    app = opened(runs="first", split="val")
    rows = class_rows(app)
    assert rows["road"]["first"] == around["first"].scores["val"]["per_class"]["road"]["f1"]
    assert app.query_params["split"] == "val"
    assert app.query_params["runs"] == "first"


def test_settings_show_only_what_differs(around: dict[str, Result]) -> None:
    app = opened(runs="first,large", view="Settings")
    settings = next(frame.value for frame in app.dataframe if "Setting" in frame.value)
    assert list(settings["Setting"]) == ["Frame size", "Seed"]
    assert list(settings["large"]) == ["32×64", "2"]


def test_without_an_address_the_best_are_selected(around: dict[str, Result]) -> None:
    app = opened()
    table = app.dataframe[0].value
    assert {"first", "second", "large"} <= set(table["Name"])
    assert app.query_params["runs"]


def test_no_results_says_what_to_do(around: dict[str, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYSEG_RUNS", str(tmp_path / "none"))
    monkeypatch.setattr(cached, "results", lambda: [])
    assert "Nothing to compare yet" in words(opened())
