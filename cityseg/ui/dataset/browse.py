"""Browsing a dataset: filters, one frame large, and a grid of thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import streamlit as st

from cityseg.analysis.dataset.frame_table import (
    BRIGHTEST,
    DARKEST,
    FrameFilter,
    FrameTable,
    class_of_order,
    relaxations,
    select,
)
from cityseg.api import DataInfo
from cityseg.api.types import Split, SplitStatistics
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.classes import percent
from cityseg.figures.images.overlay import overlay
from cityseg.ui.app import cache, session
from cityseg.ui.common import frames as pictures
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.dataset import filters, frame

PAGE_SIZE = 24
_LOOKS = ("photo", "labels")


@st.fragment
def browse(info: DataInfo, counted: Mapping[Split, SplitStatistics]) -> None:
    """Show the filters, the chosen frame and the grid; everything chosen stands in the address."""
    catalogue = FrameTable.of(counted)
    query = filters.choose(tuple(str(city) for city in np.unique(catalogue.cities)))
    found = select(catalogue, query)
    names = [catalogue.names[index] for index in found]
    if not names:
        _explain_nothing(catalogue, query)
        return
    chosen = session.remembered("frame", names) or names[0]
    place = names.index(chosen)
    left, right = st.columns([3, 2], gap="medium")
    # The list is what a filter is about, so it is sent before the large frame, which takes longer.
    with right:
        clicked = _grid(info, catalogue, query, found, names, chosen)
    with left, st.container(key="frame_large"):
        steps = frame.show(info, catalogue, int(found[place]), place, len(names))
    if clicked or steps:
        _open(names, clicked or names[(place + steps) % len(names)])
        st.rerun(scope="fragment")


def _explain_nothing(catalogue: FrameTable, query: FrameFilter) -> None:
    st.warning("No frame fits these filters. Give one of them up:", icon=":material/filter_alt_off:")
    with st.container(horizontal=True, gap="small"):
        for words, wider, frames in relaxations(catalogue, query):
            noun = "frame" if frames == 1 else "frames"
            st.button(f"Allow {words}: {frames:,} {noun}", key=f"widen_{words}", on_click=filters.put, args=(wider,))


def _open(names: list[str], name: str) -> None:
    session.remember("frame", name)
    # The pages have been drawn already in this run; the next one opens the wanted one.
    st.session_state["data_page_wanted"] = names.index(name) // PAGE_SIZE + 1


def _grid(
    info: DataInfo, catalogue: FrameTable, query: FrameFilter, found: np.ndarray, names: list[str], chosen: str
) -> str | None:
    """Show one page of thumbnails; returns the clicked frame."""
    pages = -(-len(names) // PAGE_SIZE)
    _settle_page(names, chosen, pages)
    if st.session_state.get("data_look") not in _LOOKS:
        st.session_state["data_look"] = session.remembered("look", _LOOKS) or _LOOKS[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(names):,}** of {len(catalogue.names):,} frames", width="content")
        look = st.segmented_control(
            "Thumbnails",
            _LOOKS,
            required=True,
            key="data_look",
            label_visibility="collapsed",
            persist_state="session",
        )
        if len(names) < len(catalogue.names):
            every = FrameFilter(order=query.order, seed=query.seed)
            st.button(
                "Show all",
                key="filters_clear",
                icon=":material/filter_alt_off:",
                type="tertiary",
                help="Clears the filters; the order stays.",
                on_click=filters.put,
                args=(every,),
            )
    page = 1
    if pages > 1:
        page = st.pagination(pages, key="data_page", max_visible_pages=5, persist_state="session")
    session.remember("page", None if page == 1 else str(page))
    session.remember("look", None if look == _LOOKS[0] else look)
    shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    one_city = len(np.unique(catalogue.cities[found])) == 1
    sources = _thumbnails(info.spec, tuple(_positions(catalogue, shown)), str(look), session.palette())
    cells = [
        Thumbnail(
            catalogue.names[index],
            *_words(catalogue, int(index), query.order, one_city),
            source,
        )
        for index, source in zip(shown, sources, strict=True)
    ]
    height, width = info.native_size
    aspect = 2.0 if pictures.is_squashed(info) else width / height
    clicked = gallery(
        cells,
        key="thumbnails",
        label=f"Frames {(page - 1) * PAGE_SIZE + 1:,} to {(page - 1) * PAGE_SIZE + len(shown):,} of {len(names):,}",
        chosen=chosen,
        aspect=aspect,
        cell=92 if aspect < 1.5 else 112,
        target="frame_large",
    )
    return clicked if clicked in names else None


def _settle_page(names: list[str], chosen: str, pages: int) -> None:
    """Open the page that holds the chosen frame whenever the list is a new one; a link may ask for another page."""
    listed = hash(tuple(names))
    before = st.session_state.get("data_listed")
    wanted = st.session_state.pop("data_page_wanted", None)
    if wanted is not None:
        st.session_state["data_page"] = min(wanted, pages)
    elif before != listed:
        asked = st.query_params.get("page", "") if before is None else ""
        page = int(asked) if asked.isdecimal() else names.index(chosen) // PAGE_SIZE + 1
        st.session_state["data_page"] = min(max(1, page), pages)
    st.session_state["data_listed"] = listed


def _words(catalogue: FrameTable, index: int, order: str, one_city: bool) -> tuple[str, str]:
    """Return title and note of a thumbnail: its city where there are several, and what the order goes by."""
    city = str(catalogue.cities[index])
    rest = catalogue.names[index].removeprefix(f"{city}_")
    name = class_of_order(order)
    if name is not None:
        measure = f"{percent(float(catalogue.share[index, CLASS_NAMES.index(name)]))} {name}"
    elif order in (DARKEST, BRIGHTEST):
        measure = f"brightness {catalogue.brightness[index]:.0f}\u00a0%"
    else:
        measure = ""
    return (rest, measure) if one_city else (city, measure or rest)


def _positions(catalogue: FrameTable, shown: np.ndarray) -> list[tuple[Split, int]]:
    """Return each frame's split and its position there."""
    first = {str(split): int(np.argmax(catalogue.splits == split)) for split in np.unique(catalogue.splits)}
    splits = [str(catalogue.splits[index]) for index in shown]
    return [(cast("Split", split), int(index) - first[split]) for split, index in zip(splits, shown, strict=True)]


@st.cache_data(show_spinner=False, max_entries=256)
def _thumbnails(spec: str, positions: tuple[tuple[Split, int], ...], look: str, palette: np.ndarray) -> list[str]:
    prepared = cache.prepared(spec)
    sources = []
    for split, index in positions:
        photo = np.asarray(prepared[split].photos[index])
        if look == "labels":
            photo = overlay(photo, np.asarray(prepared[split].labels[index]), opacity=0.7, palette=palette)
        sources.append(encode_thumbnail(photo))
    return sources
