"""The panel that connects, verifies and prepares data."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.api.types import default_data
from cityseg.errors import CitysegError, UsageError
from cityseg.markdown import code, escape
from cityseg.ui.app import cache, session
from cityseg.ui.dataset import preparation, problems

_LAYOUTS = {
    "Folders": (
        "The unpacked Cityscapes archives, at any image size. Every photo needs its labels.",
        """\
cityscapes/
  leftImg8bit/train/aachen/
    aachen_000000_000019_leftImg8bit.png
  gtFine/train/aachen/
    aachen_000000_000019_gtFine_labelIds.png
  leftImg8bit/val/…, gtFine/val/…""",
    ),
    "Archives": (
        "The two official archives as downloaded. They are read in place, without unpacking.",
        """\
cityscapes/
  leftImg8bit_trainvaltest.zip
  gtFine_trainvaltest.zip""",
    ),
    "Custom dataset": (
        "Photos and labels with the same names, and a dataset.json that maps label values to classes; "
        "see docs/datasets.md.",
        """\
camvid/
  dataset.json
  images/0001TP_006690.png
  labels/0001TP_006690.png""",
    ),
}
_DOWNLOAD = """\
pip install cityscapesscripts
csDownload -d data/cityscapes \\
  gtFine_trainvaltest.zip \\
  leftImg8bit_trainvaltest.zip"""
_OFFICIAL_FOLDER = "data/cityscapes"
_OPEN = "connect_open"


def panel(info: DataInfo | None, *, prepare: bool = True) -> None:
    """Show the panel; one line unless no data is connected or the file listing has problems.

    Args:
        info: the connected data, or None if it cannot be opened.
        prepare: whether to include the preparation; False if the page shows it elsewhere.
    """
    needed = info is None or bool(cache.dataset(info.spec).problems)
    label = "Connect, verify and prepare data"
    if info is not None:
        label = f"**{escape(info.name)}** is connected. Connect other data, verify, prepare"
    expander = st.expander(label, expanded=needed, icon=":material/add_link:", key=_OPEN, on_change="rerun")
    if not expander.open:
        # Do not delay the page with hidden content.
        return
    with expander:
        left, right = st.columns(2, gap="large")
        with left:
            _sources(connected=info is not None)
            _choose()
            if info is not None:
                for note in info.notes:
                    st.caption(escape(note))
                st.markdown(f"**Verify and prepare {escape(info.name)}**")
                problems.check(info)
                if prepare:
                    preparation.choose_and_prepare(info.spec)
        with right:
            _explain()


def _sources(*, connected: bool) -> None:
    """List the possible data sources in order of precedence and mark the one in use."""
    spec, variable = session.data_spec(), os.environ.get("CITYSEG_DATA")
    typed = spec if spec != default_data() else None
    official = _OFFICIAL_FOLDER if Path(_OFFICIAL_FOLDER).is_dir() else None
    sources = (
        (typed, f"Path entered below or in the link: {code(typed) if typed else 'none'}"),
        (variable, f"`$CITYSEG_DATA`: {code(variable) if variable else 'not set'}"),
        (official, f"`{_OFFICIAL_FOLDER}`: {'exists' if official else 'does not exist'}"),
        ("synthetic", "Synthetic dataset, no download needed"),
    )
    first = next((number for number, (source, _) in enumerate(sources) if source == spec), None)
    badge = f" :{'green-badge[connected]' if connected else 'red-badge[cannot be opened]'}"
    st.markdown("**Data sources**, in order of precedence")
    lines = [f"{number + 1}. {words}{badge if number == first else ''}" for number, (_, words) in enumerate(sources)]
    st.markdown("\n".join(lines))


def _choose() -> None:
    st.text_input(
        "Path of a folder on this computer", key="connect_path", placeholder=_OFFICIAL_FOLDER, on_change=_connect_path
    )
    with st.container(horizontal=True, gap="small"):
        st.button("Connect folder", type="primary", icon=":material/link:", on_click=_connect_path)
        st.button(
            "Use the synthetic dataset",
            icon=":material/brush:",
            on_click=_connect,
            args=("synthetic",),
            help="160 synthetic street scenes with all 19 classes. They are rendered once, in less than a minute, "
            "without a download.",
        )
    if problem := st.session_state.get("connect_problem"):
        st.error(escape(problem), icon=":material/link_off:")


def _connect_path() -> None:
    """Connect the entered path; on an error, show it next to the button and keep the previous data."""
    path = st.session_state.get("connect_path", "").strip()
    try:
        if not path:
            raise UsageError("Enter the path of a folder first, for example data/cityscapes.")
        meant = api.given_path(path)
        if not os.path.exists(meant):
            raise UsageError(f"Folder does not exist: {path}")
        path = str(meant)
        cache.refresh_dataset()
        cache.data_info(path)
    except CitysegError as error:
        st.session_state["connect_problem"] = str(error)
    else:
        _connect(path)


def _connect(spec: str) -> None:
    st.session_state.pop("connect_problem", None)
    session.connect_data(spec)


def _explain() -> None:
    st.markdown("**Supported layouts**")
    for tab, (words, tree) in zip(st.tabs(list(_LAYOUTS)), _LAYOUTS.values(), strict=True):
        with tab:
            st.caption(words)
            st.code(tree, language=None, wrap_lines=False)
    st.markdown("**How to get Cityscapes**")
    st.markdown(
        "1. Register at [cityscapes-dataset.com](https://www.cityscapes-dataset.com/register/), free for research.\n"
        "2. Download both archives, about 11 GB, with the official tool; it asks for your name and password:"
    )
    st.code(_DOWNLOAD, language=None, wrap_lines=False)
    st.markdown(f"3. Connect `{_OFFICIAL_FOLDER}`. The archives need no unpacking.")
