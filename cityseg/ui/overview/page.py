"""The Overview page: one frame predicted by the best model, the key figures, and links to the other pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from cityseg import api
from cityseg.api import ConnectedData, DataInfo, Result
from cityseg.errors import CitysegError
from cityseg.figures.pareto import short_count
from cityseg.markdown import escape
from cityseg.text import shortened
from cityseg.ui.app import cache, glossary, session, shell
from cityseg.ui.app.background import duration
from cityseg.ui.common import damaged
from cityseg.ui.common.charts import metric
from cityseg.ui.overview import pareto, preview
from cityseg.ui.overview.pareto import conditions

_NEWEST = 8
_F1_HELP = (
    "F1 joins precision (the share of pixels predicted as a class that are right) and recall (the share of the class "
    "that is found). Macro: the plain mean over the classes, so a rare class counts as much as the road. 1 is perfect."
)


def show() -> None:
    """Show the page."""
    shell.heading("Overview", "What is connected, what is best, where do I start?")
    try:
        info: DataInfo | None = cache.render_and_describe(session.data_spec())
    except CitysegError as error:
        info = None
        st.error(f"The connected data cannot be opened. {escape(error)}", icon=":material/link_off:")
        st.page_link("pages/dataset.py", label="Connect other data", icon=":material/add_link:")
    results = cache.results()
    best = best_model(cache.all_results(), cache.connected_data(session.data_spec()))
    left, right = st.columns([3, 2], gap="medium")
    picture = left.empty()
    with right:
        speed = _metrics(info, results, best)
        _links()
    if info is None:
        picture.info("Once data is connected, one of its frames and the best model's prediction appear here.")
        _models_and_runs(results)
        return
    session.share_data()
    # The rest of the page appears while the first prediction runs.
    if "overview" not in st.session_state:
        picture.skeleton(height=420)
    _models_and_runs(results)
    with picture.container():
        preview.picture(info, best.id if best else None)
        if best:
            _about(best, info)
    preview.speed(speed, info, best)


def best_model(results: Sequence[Result], data: ConnectedData | None) -> Result | None:
    """Return the usable model with the best macro F1 on test, preferably one measured on the connected data."""
    models = api.usable_models((result for result in results if result.score("test", "f1") is not None), data)
    return models[0] if models else None


def _metrics(info: DataInfo | None, results: Sequence[Result], best: Result | None) -> Any:
    """Show the four metrics; return the place of the last one, which is known only after a prediction."""
    grid = st.grid(columns=2, min_column_width=150)
    show_metric = partial(metric, grid)
    if info is None:
        show_metric("Data", "–", "nothing connected")
    else:
        cities = len({city for names in info.cities.values() for city in names if city})
        splits = ", ".join(f"{count:,} {split}" for split, count in info.frames.items())
        text = f"frames from {cities} {'city' if cities == 1 else 'cities'}" if cities else "frames"
        show_metric("Data", f"{sum(info.frames.values()):,}", text, f"{escape(info.name)}: {splits}")
    runs = [result for result in results if result.source == "run"]
    states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(run.state for run in runs).items()))
    shipped = len(results) - len(runs)
    text = f"and {shipped} shipped {'model' if shipped == 1 else 'models'}" if shipped else states
    show_metric("Runs", f"{len(runs):,}", text, states or "No training has been started here yet.")
    if best is None:
        show_metric("Best macro F1", "–", "no model measured yet", _F1_HELP)
    else:
        help_text = f"{_F1_HELP} Measured on {escape(conditions(best))}."
        show_metric("Best macro F1", f"{best.score('test', 'f1'):.3f}", escape(best.id), help_text)
    place = grid.empty()
    waiting = "no model to time yet" if best is None else "needs data" if info is None else ""
    metric(place, "Speed", *(("–", waiting) if waiting else ("…", "being measured")))
    return place


def _about(best: Result, info: DataInfo) -> None:
    data = cache.connected_data(info.spec)
    # Frames that nobody has read yet may be those of the score.
    unmeasured = data is not None and best.scored_split in data.fingerprints and not data.holds_frames_of(best)
    elsewhere = f" No model has been measured on {escape(info.name)} yet." if unmeasured else ""
    st.caption(
        f"**{escape(best.id)}** has the highest macro F1 so far, {best.score('test', 'f1'):.3f} on "
        f"{escape(conditions(best))}. It has {short_count(best.parameters or 0)} parameters and was trained on "
        f"{escape(best.data)}.{elsewhere}"
    )


def _links() -> None:
    links = (
        ("Browse the data", "dataset", "photo_library", "Every frame, and the frequency of each class"),
        ("Train a model", "train", "model_training", "Pick a preset and follow it live"),
        ("Try a photo", "predict", "add_a_photo", "Predict a photo of your own"),
    )
    with st.container(border=True, gap="small", key="ways"):
        for label, page, icon, text in links:
            with st.container(gap=None):
                st.page_link(f"pages/{page}.py", label=f"**{label}**", icon=f":material/{icon}:", width="stretch")
                st.caption(text)


def _models_and_runs(results: Sequence[Result]) -> None:
    st.space("small")
    st.header("Newest runs", anchor=False)
    damaged.notice()
    _newest([result for result in results if result.source == "run"][:_NEWEST])
    st.space("small")
    pareto.show(results)


def _newest(runs: Sequence[Result]) -> None:
    if not runs:
        with st.container(border=True):
            st.markdown("**No run yet.** Start one on the Train page; it continues even if this window is closed.")
            st.page_link("pages/train.py", label="Go to Train", icon=":material/model_training:")
        return
    st.dataframe(
        {
            "Run": [shortened(run.id, 30) for run in runs],
            "State": [_state(run) for run in runs],
            "F1": [glossary.score(run.score("test", "f1")) for run in runs],
            "Size": [short_count(run.parameters) if run.parameters else "–" for run in runs],
            "Started": [ago(run.created) for run in runs],
        },
        hide_index=True,
        column_config={
            "F1": st.column_config.TextColumn(help="Macro F1 on the test split; a dash until the run has finished."),
            "Size": st.column_config.TextColumn(help="Trainable parameters"),
        },
        alt="The newest runs with their state and score",
    )
    failed = next((run for run in runs if run.state == "failed" and run.error), None)
    if failed:
        st.caption(f":material/error: **{escape(failed.id)}** failed: {escape(failed.error)}.")
    st.page_link("pages/compare.py", label="Compare runs class by class", icon=":material/compare:")


def _state(run: Result) -> str:
    return f"running, {100 * shell.training_progress(run)[0]:.0f}\u00a0%" if run.state == "running" else run.state


def ago(created: str) -> str:
    """Return the time since an ISO 8601 time: "12 min ago", "3 days ago"."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    if seconds < 90:
        return "just now"
    hours, days = int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} day{'s' if days > 1 else ''} ago"
    return f"{hours} h ago" if hours else f"{duration(seconds)} ago"
