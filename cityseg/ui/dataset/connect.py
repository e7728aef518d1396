"""The panel that connects, checks and prepares data."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from cityseg.api import DataInfo
from cityseg.api.types import default_data
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session
from cityseg.ui.dataset import preparation, problems

_LAYOUTS = {
    "Folders": (
        "Cityscapes as its archives unpack, at any image size. Every photo needs its labels.",
        """\
cityscapes/
  leftImg8bit/train/aachen/
    aachen_000000_000019_leftImg8bit.png
  gtFine/train/aachen/
    aachen_000000_000019_gtFine_labelIds.png
  leftImg8bit/val/…, gtFine/val/…""",
    ),
    "Archives": (
        "The two official archives as they were downloaded. They are read in place; nothing is unpacked.",
        """\
cityscapes/
  leftImg8bit_trainvaltest.zip
  gtFine_trainvaltest.zip""",
    ),
    "Another set": (
        "Photos and labels with the same names, and a dataset.json that says which value is which class; "
        "docs/datasets.md explains it.",
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
    """Show how to connect a dataset; open where none is connected, or where its listing shows problems.

    Args:
        info: the connected data, if it can be opened.
        prepare: offer to prepare it; False where the page does so already.
    """
    st.space("small")
    words, icon = "Connect, check and prepare data", ":material/add_link:"
    needed = info is None or bool(cache.dataset(info.spec).problems)
    place = st.expander(words, expanded=needed, icon=icon, key=_OPEN, on_change="rerun")
    if not place.open:
        # What nobody has asked to see would only delay the rest.
        return
    with place:
        left, right = st.columns(2, gap="large")
        with left:
            _places()
            _choose()
            if info is not None:
                st.markdown(f"**Can {info.name} be used, and is it prepared?**")
                problems.check(info)
                if prepare:
                    preparation.choose_and_prepare(info.spec)
        with right:
            _explain()


def _places() -> None:
    """List where data is looked for, in order, and which place is connected."""
    spec, named = session.data_spec(), os.environ.get("CITYSEG_DATA")
    typed = spec if spec != default_data() else None
    official = _OFFICIAL_FOLDER if Path(_OFFICIAL_FOLDER).is_dir() else None
    places = (
        (typed, f"A path typed here or in the link: {f'`{typed}`' if typed else 'none'}"),
        (named, f"`$CITYSEG_DATA`: {f'`{named}`' if named else 'not set'}"),
        (official, f"`{_OFFICIAL_FOLDER}`: {'there' if official else 'no such folder'}"),
        ("synthetic", "The synthetic streets, which need no download"),
    )
    first = next((number for number, (place, _) in enumerate(places) if place == spec), None)
    st.markdown("**Where data is looked for**, in this order")
    st.markdown(
        "\n".join(
            f"{number + 1}. {words}{' :green-badge[connected]' if number == first else ''}"
            for number, (_, words) in enumerate(places)
        )
    )


def _choose() -> None:
    st.text_input(
        "Path of a folder on this computer",
        key="connect_path",
        placeholder=_OFFICIAL_FOLDER,
        on_change=_try_path,
    )
    with st.container(horizontal=True, gap="small"):
        st.button("Connect this folder", type="primary", icon=":material/link:", on_click=_try_path)
        st.button(
            "Use the synthetic streets",
            icon=":material/brush:",
            on_click=_take,
            args=("synthetic",),
            help="160 street scenes drawn by the studio itself, with all 19 classes. Drawn once, in under a minute; "
            "nothing is downloaded.",
        )
    problem = st.session_state.get("connect_problem")
    if problem:
        st.error(problem.replace("$", "\\$"), icon=":material/link_off:")


def _try_path() -> None:
    """Connect the typed path; what is wrong with it is said beside it, and the old data stays connected."""
    path = st.session_state.get("connect_path", "").strip()
    if not path:
        st.session_state["connect_problem"] = "Type the path of a folder first, for example data/cityscapes."
        return
    cache.look_again()
    try:
        cache.data_info(path)
    except CitysegError as error:
        st.session_state["connect_problem"] = str(error)
        return
    _take(path)


def _take(spec: str) -> None:
    st.session_state.pop("connect_problem", None)
    session.connect_data(spec)


def _explain() -> None:
    st.markdown("**What can be connected**")
    for tab, (words, tree) in zip(st.tabs(list(_LAYOUTS)), _LAYOUTS.values(), strict=True):
        with tab:
            st.caption(words)
            st.code(tree, language=None, wrap_lines=False)
    st.markdown("**Where Cityscapes comes from**")
    st.markdown(
        "1. Register at [cityscapes-dataset.com](https://www.cityscapes-dataset.com/register/), free for research.\n"
        "2. Let the official tool fetch both archives, about 11 GB; it asks for your name and password:"
    )
    st.code(_DOWNLOAD, language="bash", wrap_lines=False)
    st.markdown(f"3. Connect `{_OFFICIAL_FOLDER}`. The archives are used as they are.")
