"""The panel that connects other data."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.ui import state

_FOLDER = """\
cityscapes/
  leftImg8bit/
    train/aachen/aachen_000000_000019_leftImg8bit.png   photo
    val/frankfurt/…
  gtFine/
    train/aachen/aachen_000000_000019_gtFine_labelIds.png   labels
    val/frankfurt/…
"""

_DOWNLOAD = """\
pip install cityscapesscripts
csDownload gtFine_trainvaltest.zip leftImg8bit_trainvaltest.zip
unzip -n gtFine_trainvaltest.zip -d data/cityscapes
unzip -n leftImg8bit_trainvaltest.zip -d data/cityscapes
"""


def panel(info: DataInfo | None) -> None:
    """Show how to connect a dataset; open where none is connected."""
    st.space("small")
    with st.expander("Connect other data", expanded=info is None, icon=":material/add_link:"):
        if info is not None:
            st.markdown(f"Connected now: **{info.name}** (`{info.spec}`).")
        left, right = st.columns([2, 3], gap="large")
        with left:
            _choose()
        with right:
            _explain()


def _choose() -> None:
    st.markdown("**A folder on this computer**")
    st.text_input(
        "Path of the folder that holds leftImg8bit and gtFine",
        key="connect_path",
        placeholder="data/cityscapes",
        on_change=_try_path,
    )
    st.button("Connect this folder", type="primary", icon=":material/link:", on_click=_try_path)
    problem = st.session_state.get("connect_problem")
    if problem:
        st.error(problem, icon=":material/link_off:")
    st.markdown("**Or nothing of your own**")
    st.button("Use the synthetic streets", icon=":material/brush:", on_click=_take, args=("synthetic",))
    st.caption(
        "160 street scenes drawn by the studio itself, with all 19 classes. Drawn once on first use, in less than "
        "a minute; nothing is downloaded."
    )


def _try_path() -> None:
    """Connect the typed path; what is wrong with it is said beside it, and the old data stays connected."""
    path = st.session_state.get("connect_path", "").strip()
    if not path:
        st.session_state["connect_problem"] = "Type the path of a folder first, for example data/cityscapes."
        return
    try:
        api.connect(path)
        api.data_info(path)
    except CitysegError as error:
        st.session_state["connect_problem"] = str(error)
        return
    _take(path)


def _take(spec: str) -> None:
    st.session_state.pop("connect_problem", None)
    state.connect_data(spec)


def _explain() -> None:
    st.markdown("**What is looked for**")
    st.caption("The official Cityscapes folder, at any image size. Every photo needs its labels beside it.")
    st.code(_FOLDER, language=None, wrap_lines=False)
    st.markdown("**Where Cityscapes comes from**")
    st.caption(
        "Register at cityscapes-dataset.com (free for research), then let the official tool fetch both files; it asks "
        "for your own name and password. About 11 GB."
    )
    st.code(_DOWNLOAD, language="bash", wrap_lines=False)
