"""Components that several tabs of the Inspect page share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from cityseg.api.types import WEIGHTS, Split
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures import theme
from cityseg.ui.app import glossary, session
from cityseg.ui.common.measured_split import MeasuredSplit

_T = TypeVar("_T")


def metric_row(values: Iterable[tuple[str, str, str]]) -> None:
    """Show metrics side by side, each as (name, value, help)."""
    with st.container(horizontal=True, gap="small"):
        for name, value, meaning in values:
            st.metric(name, value, help=meaning, width=150)


def class_table(train_ids: Sequence[int], columns: dict[str, Sequence[Any]], configs: dict[str, Any], key: str) -> None:
    """Show a table with one row per class, led by its colour and name.

    Args:
        train_ids: (K,) classes.
        columns: K values each, by name.
        configs: Streamlit's column configuration, by name.
        key: Streamlit key, unique on the page.
    """
    names = [CLASS_NAMES[train_id] for train_id in train_ids]
    table = pd.DataFrame({"color": [""] * len(names), "class": names, **columns})
    palette = session.palette()
    swatches = [f"background-color: {theme.class_color(train_id, palette=palette)}" for train_id in train_ids]
    text = st.column_config.TextColumn
    st.dataframe(
        table.style.apply(lambda _: swatches, subset=["color"]),
        hide_index=True,
        height="content",
        placeholder=glossary.ABSENT,
        key=key,
        column_config={"color": text("", width=12), "class": text("class", width=80), **configs},
    )


def stored_finding(
    measured: MeasuredSplit,
    files: Callable[[Any, Split], tuple[Path, ...]],
    find: Callable[[str, Split, str], _T | None],
) -> _T | None:
    """Return what is stored about the result's present weights on this split, or None; cached until a file changes.

    Args:
        measured: the inspected result and split.
        files: returns the files that may hold it, for a run and a split.
        find: returns it for a model, a split and a data fingerprint.
    """
    run, split = measured.result.run, measured.split
    try:
        existing = [file for file in files(run, split) if file.is_file()]
        versions = tuple(file.stat().st_mtime_ns for file in (*existing, run.checkpoint / WEIGHTS))
    except (CitysegError, OSError):
        # The run is being deleted.
        return None
    fingerprint = str(measured.result.scores.get(split, {}).get("fingerprint", ""))
    return _read(find, find.__name__, measured.result.id, split, fingerprint, versions) if existing else None


@st.cache_resource(show_spinner=False, max_entries=8)
def _read(
    _find: Callable[[str, Split, str], Any],
    kind: str,
    model: str,
    split: Any,
    fingerprint: str,
    versions: tuple[int, ...],
) -> Any:
    return _find(model, split, fingerprint)
