"""The overview: one frame seen by the best model, the figures that matter, and where to go from here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from cityseg.api import DataInfo, Result
from cityseg.errors import CitysegError
from cityseg.figures.pareto import short_count
from cityseg.ui.app import cache, session, shell
from cityseg.ui.app.background import duration
from cityseg.ui.overview import pareto, preview
from cityseg.ui.overview.pareto import conditions

PAGES = {"dataset": "pages/dataset.py", "train": "pages/train.py", "compare": "pages/compare.py"}
_NEWEST = 8


def show() -> None:
    """Show the page."""
    shell.heading("Overview", "What is connected, what is best, where do I start?")
    try:
        info: DataInfo | None = cache.draw(session.data_spec())
    except CitysegError as error:
        info = None
        st.error(f"The connected data cannot be opened. {error}", icon=":material/link_off:")
        st.page_link(PAGES["dataset"], label="Connect other data", icon=":material/add_link:")
    results = cache.results()
    best = best_model(results, info)
    left, right = st.columns([3, 2], gap="medium")
    picture = left.empty()
    with right:
        speed = _figures(info, results, best)
        _ways_on()
    if info is None:
        picture.info("Once data is connected, one of its frames stands here, as the best model sees it.")
        _models_and_runs(results)
        return
    session.share_data()
    # The rest of the page is there while the first prediction is being made.
    if "overview" not in st.session_state:
        picture.skeleton(height=420)
    _models_and_runs(results)
    with picture.container():
        preview.picture(info, best.id if best else None)
        _about(best, info)
    preview.speed(speed, info, best)


def best_model(results: Sequence[Result], info: DataInfo | None) -> Result | None:
    """Return the finished result with the best macro F1 on its test split.

    Results measured on the connected data come first: a score on other data says little about this one.
    """
    scored = [
        result
        for result in results
        if result.score("test", "f1") is not None and (result.run.checkpoint / "model.safetensors").is_file()
    ]
    own = [result for result in scored if info is not None and _measured_on(result, info)]
    return max(own or scored, key=lambda result: result.score("test", "f1") or 0.0, default=None)


def _measured_on(result: Result, info: DataInfo) -> bool:
    """Whether a result's test split is the connected one: the same truth where it is known, else the same words."""
    if cache.is_prepared(info.spec) and info.frames["test"]:
        fingerprint = cache.prepared(info.spec)["test"].meta.fingerprint
        return bool(result.scores["test"].get("fingerprint") == fingerprint)
    return result.measured_on == info.description


def _figures(info: DataInfo | None, results: Sequence[Result], best: Result | None) -> Any:
    """Show the four figures; returns the place of the last one, which is known only after a prediction."""
    grid = st.grid(columns=2, min_column_width=150)
    if info is None:
        grid.metric("Data", "–", "nothing connected", delta_color="off", delta_arrow="off", border=True)
    else:
        cities = len({city for names in info.cities.values() for city in names})
        words = f"frames from {cities} {'city' if cities == 1 else 'cities'}"
        grid.metric(
            "Data",
            f"{sum(info.frames.values()):,}",
            words,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"{info.name}: {_by_split(info)}",
        )
    runs = [result for result in results if result.source == "run"]
    shipped = len(results) - len(runs)
    grid.metric(
        "Runs",
        f"{len(runs):,}",
        f"and {shipped} shipped {'model' if shipped == 1 else 'models'}" if shipped else _state_words(runs),
        delta_color="off",
        delta_arrow="off",
        border=True,
        help=_state_words(runs) or "No training has been started here yet.",
    )
    if best is None:
        grid.metric(
            "Best macro F1",
            "–",
            "no model measured yet",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=_F1_HELP,
        )
    else:
        grid.metric(
            "Best macro F1",
            f"{best.score('test', 'f1'):.3f}",
            best.id,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"{_F1_HELP} Measured on {conditions(best)}.",
        )
    place = grid.empty()
    place.metric("Speed", "–", "no model to time yet", delta_color="off", delta_arrow="off", border=True)
    if best is not None:
        place.metric("Speed", "…", "being measured", delta_color="off", delta_arrow="off", border=True)
    return place


def _about(best: Result | None, info: DataInfo) -> None:
    """Say of the best score what it was measured on."""
    if best is None:
        return
    elsewhere = "" if _measured_on(best, info) else f" No model has been measured on {info.name} yet."
    st.caption(
        f"**{best.id}** has the highest macro F1 so far, {best.score('test', 'f1'):.3f} on {conditions(best)}. "
        f"It has {short_count(best.parameters or 0)} parameters and was trained on {best.data}.{elsewhere}"
    )


_F1_HELP = (
    "F1 joins precision (how much of what the model calls a class is right) and recall (how much of the class it "
    "finds). Macro: the plain mean over the classes, so a rare class counts as much as the road. 1 is perfect."
)


def _by_split(info: DataInfo) -> str:
    return ", ".join(f"{count:,} {split}" for split, count in info.frames.items())


def _state_words(runs: Sequence[Result]) -> str:
    states = [run.state for run in runs]
    return ", ".join(f"{states.count(name)} {name}" for name in dict.fromkeys(sorted(states)))


def _ways_on() -> None:
    ways = (
        ("Look at the data", "pages/dataset.py", ":material/photo_library:", "Every frame, and how rare each class is"),
        ("Train a model", "pages/train.py", ":material/model_training:", "Pick a preset and follow it live"),
        ("Try a photo", "pages/predict.py", ":material/add_a_photo:", "How a model sees your own street"),
    )
    with st.container(border=True, gap="small", key="ways"):
        for label, page, icon, words in ways:
            with st.container(gap=None):
                st.page_link(page, label=f"**{label}**", icon=icon, width="stretch")
                st.caption(words)


def _models_and_runs(results: Sequence[Result]) -> None:
    st.space("small")
    left, right = st.columns(2, gap="medium")
    with left:
        pareto.show(results)
    with right:
        st.subheader("Newest runs", anchor=False)
        _newest([result for result in results if result.source == "run"][:_NEWEST])


def _newest(runs: Sequence[Result]) -> None:
    if not runs:
        with st.container(border=True):
            st.markdown("**No run yet.** Start one on the Train page; it goes on even if this window is closed.")
            st.page_link(PAGES["train"], label="Go to Train", icon=":material/model_training:")
        return
    st.dataframe(
        {
            "Run": [run.id for run in runs],
            "State": [_state(run) for run in runs],
            "F1": [_score(run.score("test", "f1")) for run in runs],
            "Size": [short_count(run.parameters) if run.parameters else "–" for run in runs],
            "Started": [ago(run.created) for run in runs],
        },
        hide_index=True,
        column_config={
            "F1": st.column_config.TextColumn(help="Macro F1 on the test split; a dash until the run has finished."),
            "Size": st.column_config.TextColumn(help="Trained parameters"),
        },
        alt="The newest runs with their state and score",
    )
    failed = next((run for run in runs if run.state == "failed" and run.error), None)
    if failed:
        st.caption(f":material/error: **{failed.id}** failed: {failed.error}.")
    st.page_link(PAGES["compare"], label="Compare runs class by class", icon=":material/compare:")


def _state(run: Result) -> str:
    if run.state == "running":
        return f"running, {shell.training_progress(run)[0]:.0%}".replace("%", "\u00a0%")
    return run.state


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def ago(created: str) -> str:
    """Return how long ago an ISO 8601 time was: "12 min ago", "3 days ago"."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    if seconds < 90:
        return "just now"
    days = int(seconds // 86400)
    if days:
        return f"{days} day{'s' if days > 1 else ''} ago"
    hours = int(seconds // 3600)
    return f"{hours} h ago" if hours else f"{duration(seconds)} ago"
