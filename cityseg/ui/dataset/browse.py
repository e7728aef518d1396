"""The Browse tab: filters, one large frame, and a grid of thumbnails."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.dataset import frame_table
from cityseg.analysis.dataset.frame_table import FrameFilter, FrameTable
from cityseg.api import DataInfo
from cityseg.api.types import Split
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.classes import percent
from cityseg.figures.images.overlay import overlay
from cityseg.markdown import escape
from cityseg.text import whole_number
from cityseg.ui.app import cache, history, session, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.dataset import filters, frame, frame_notes
from cityseg.ui.dataset.charts.common import Statistics
from cityseg.ui.dataset.feature_map import similar

PAGE_SIZE = 24
_CONTENTS = ("photo", "labels")
_CLEARED = "data_filters_cleared"


@history.fragment
def show(info: DataInfo, counted: Statistics) -> None:
    """Show the filters, the chosen frame and the grid; the URL keeps all choices."""
    notes = frame_notes.read(info)
    table = FrameTable.of(counted, notes.tags)
    if cleared := st.session_state.pop(_CLEARED, None):
        filters.put(cleared)
    with st.container(key=filters.PART):
        wanted = filters.choose(tuple(str(city) for city in np.unique(table.cities)), notes.known_tags)
    found = frame_table.select(table, wanted)
    names = [table.names[index] for index in found]
    frame_notes.toolbar(info, notes, wanted, [(table.splits.item(index), table.names[index]) for index in found])
    if not names:
        _offer_relaxations(table, wanted)
        return
    chosen = linked if (linked := history.read("frame")) in names else names[0]
    if (lost := history.arriving("data_frame", "frame")) and lost not in table.names and history.is_link():
        url_state.report_stale("frame", [lost], chosen)
    place = names.index(chosen)
    left, right = st.columns([3, 2], gap="medium")
    # The grid shows the effect of a filter, so it is sent before the large frame, which takes longer.
    with right:
        clicked = _grid(info, table, wanted, found, names, chosen)
    with left, st.container(key="frame_large"):
        step = frame.show(info, table, int(found[place]), place, len(names))
        frame_notes.tag_one(info, notes, (table.splits.item(found[place]), chosen))
        alike = similar.show(info, table, chosen)
    if alike and alike not in names:
        # The filters would hide it; they can only be set before the next run shows them.
        st.session_state[_CLEARED] = FrameFilter(order=wanted.order, seed=wanted.seed)
        history.record("frame", alike)
        st.rerun(scope="fragment")
    if clicked or step or alike:
        name = clicked or alike or names[(place + step) % len(names)]
        history.record("frame", name)
        # This run has already shown the pagination; the next run opens the page of the frame.
        st.session_state["data_page_wanted"] = names.index(name) // PAGE_SIZE + 1
        st.rerun(scope="fragment")


def _offer_relaxations(table: FrameTable, wanted: FrameFilter) -> None:
    st.warning("No frame matches these filters. Relax one of them:", icon=":material/filter_alt_off:")
    with st.container(horizontal=True, gap="small"):
        for words, relaxed, number in frame_table.relaxations(table, wanted):
            label = f"Allow {escape(words)}: {number:,} {'frame' if number == 1 else 'frames'}"
            st.button(label, key=f"widen_{words}", on_click=filters.put, args=(relaxed,))


def _grid(
    info: DataInfo, table: FrameTable, wanted: FrameFilter, found: np.ndarray, names: list[str], chosen: str
) -> str | None:
    """Show one page of thumbnails; return the clicked frame."""
    pages = -(-len(names) // PAGE_SIZE)
    _settle_page(names, chosen, pages)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(names):,}** of {len(table.names):,} frames", width="content")
        content = choose_option(
            st.segmented_control,
            "Thumbnails",
            _CONTENTS,
            "data_look",
            "look",
            label_visibility="collapsed",
            omit_default=True,
        )
        if len(names) < len(table.names):
            st.button(
                "Show all",
                key="filters_clear",
                icon=":material/filter_alt_off:",
                type="tertiary",
                help="Clears the filters and keeps the order.",
                on_click=filters.put,
                args=(FrameFilter(order=wanted.order, seed=wanted.seed),),
            )
    page = 1
    if pages > 1:
        page = st.pagination(pages, key="data_page", max_visible_pages=5, persist_state="session")
    url_state.keep("page", None if page == 1 else str(page))
    start = (page - 1) * PAGE_SIZE
    shown = found[start : start + PAGE_SIZE]
    one_city = len(np.unique(table.cities[found])) == 1
    wanted_frames = tuple((table.splits.item(index), table.names[index]) for index in shown)
    sources = _thumbnails(info.spec, wanted_frames, content, session.palette())
    cells = [
        Thumbnail(table.names[index], *_caption(table, int(index), wanted.order, one_city), source)
        for index, source in zip(shown, sources, strict=True)
    ]
    aspect = frames.aspect(info)
    return gallery(
        cells,
        key="thumbnails",
        label=f"Frames {start + 1:,} to {start + len(shown):,} of {len(names):,}",
        chosen=chosen,
        aspect=aspect,
        cell=92 if aspect < 1.5 else 112,
        target="frame_large",
    )


def _settle_page(names: list[str], chosen: str, pages: int) -> None:
    """Open the page of the chosen frame whenever the list changes; a link can name another page."""
    digest = hash(tuple(names))
    before = st.session_state.get("data_listed")
    wanted = st.session_state.pop("data_page_wanted", None)
    # Taken on every run: Back and Forward may lead to another page of the same list.
    linked = history.arriving("data_page", "page")
    if wanted is None and (before != digest or linked is not None):
        number = whole_number(linked or "")
        wanted = names.index(chosen) // PAGE_SIZE + 1 if number is None else max(1, number)
    if wanted is not None:
        st.session_state["data_page"] = min(wanted, pages)
    st.session_state["data_listed"] = digest


def _caption(table: FrameTable, index: int, order: str, one_city: bool) -> tuple[str, str]:
    """Return title and second line of a thumbnail: the city if there are several, and the sort criterion."""
    city = str(table.cities[index])
    number = table.names[index].removeprefix(f"{city}_")
    name = frame_table.class_of_order(order)
    criterion = ""
    if name is not None:
        criterion = f"{percent(float(table.share[index, CLASS_NAMES.index(name)]))} {name}"
    elif order in (frame_table.DARKEST, frame_table.BRIGHTEST):
        criterion = f"brightness {table.brightness[index]:.0f}\u00a0%"
    return (number, criterion) if one_city else (city, criterion or number)


@st.cache_data(show_spinner=False, max_entries=256)
def _thumbnails(spec: str, names: tuple[tuple[Split, str], ...], content: str, palette: np.ndarray) -> list[str]:
    """Encode frames, each (split, name)."""
    sources = []
    for split, name in names:
        part = cache.prepared(spec)[split]
        index = part.meta.frames.index(name)
        photo = np.asarray(part.photos[index])
        if content == "labels":
            photo = overlay(photo, np.asarray(part.labels[index]), opacity=0.7, palette=palette)
        sources.append(encode_thumbnail(photo))
    return sources
