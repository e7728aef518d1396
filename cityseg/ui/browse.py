"""Browsing a dataset: filters, one frame large, and a grid of thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from cityseg.api import DataInfo
from cityseg.data.layout import SPLITS, Split
from cityseg.data.statistics import SplitStatistics
from cityseg.errors import CitysegError
from cityseg.figures.dataset import frame_shares, percent
from cityseg.figures.overlay import overlay
from cityseg.labels import CLASS_NAMES
from cityseg.ui import cached, pictures, state
from cityseg.ui.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.viewer import Layer, viewer

PAGE_SIZE = 24
NAME, DARKEST, BRIGHTEST = "name", "darkest first", "brightest first"
_MOST = "most "
SORTS = (NAME, DARKEST, BRIGHTEST, *(f"{_MOST}{name}" for name in CLASS_NAMES))
_ALL_CITIES = "all cities"
_LOOKS = ("photo", "labels")


@st.fragment
def browse(info: DataInfo, counted: Mapping[Split, SplitStatistics]) -> None:
    """Show the filters, the chosen frame and the grid; everything chosen stands in the address."""
    splits = [split for split in SPLITS if split in counted]
    split, indices = _filtered(info, counted, splits)
    statistics = counted[split]
    names = [statistics.frames[index] for index in indices]
    if not names:
        st.warning("No frame fits these filters. Take out a class or choose all cities.", icon=":material/filter_alt:")
        return
    chosen = state.remembered("frame", names) or names[0]
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="frame_large"):
        _frame(info, split, statistics, names, chosen)
    with right:
        clicked = _grid(info, split, statistics, indices, chosen)
    if clicked:
        _open(names, clicked)
        st.rerun(scope="fragment")


def open_class(name: str) -> None:
    """Show the frames with a class, fullest first (for callbacks: set before the widgets are drawn)."""
    chosen = {"data_holds": [name], "data_sort": f"{_MOST}{name}", "data_city": _ALL_CITIES}
    st.session_state.update({"tab": "Browse", **chosen})
    state.remember("frame", None)


def _filtered(
    info: DataInfo, counted: Mapping[Split, SplitStatistics], splits: list[Split]
) -> tuple[Split, np.ndarray]:
    """Show the filters; return the split and the positions of its frames that pass, in order."""
    grid = st.grid(columns=4, min_column_width=150)
    _settle("split", splits)
    picked = grid.segmented_control("Split", splits, required=True, key="data_split", persist_state="session")
    split: Split = picked or splits[0]
    cities = [_ALL_CITIES, *info.cities[split]]
    _settle("city", cities)
    city = grid.selectbox("City", cities, key="data_city", persist_state="session")
    if "data_holds" not in st.session_state:
        asked = st.query_params.get("holds", "").split(",")
        st.session_state["data_holds"] = [name for name in CLASS_NAMES if name in asked]
    held: list[str] = grid.multiselect(
        "Holds all of", CLASS_NAMES, key="data_holds", placeholder="any class", persist_state="session"
    )
    _settle("sort", SORTS)
    sort = grid.selectbox("Order", SORTS, key="data_sort", persist_state="session")
    for parameter, value, usual in (
        ("split", split, splits[0]),
        ("city", city, _ALL_CITIES),
        ("holds", ",".join(held), ""),
        ("sort", sort, NAME),
    ):
        state.remember(parameter, None if value == usual else value)
    statistics = counted[split]
    passes = (statistics.pixels[:, [CLASS_NAMES.index(name) for name in held]] > 0).all(1)
    if city != _ALL_CITIES:
        passes &= np.array(statistics.cities) == city
    indices = np.flatnonzero(passes)
    return split, indices[_order(statistics, indices, sort)]


def _settle(parameter: str, options: Sequence[str]) -> None:
    """Decide a filter before it is drawn: what was chosen before, else what the link says, else the first option."""
    key = f"data_{parameter}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = state.remembered(parameter, list(options)) or options[0]


def _order(statistics: SplitStatistics, indices: np.ndarray, sort: str) -> np.ndarray:
    if sort == NAME:
        return np.arange(len(indices))
    if sort in (DARKEST, BRIGHTEST):
        brightness = statistics.brightness[indices]
        return np.argsort(brightness if sort == DARKEST else -brightness, kind="stable")
    share = frame_share(statistics, CLASS_NAMES.index(sort.removeprefix(_MOST)))[indices]
    return np.argsort(-share, kind="stable")


def frame_share(statistics: SplitStatistics, train_id: int) -> np.ndarray:
    """Return the (N,) share of a class among each frame's labelled pixels."""
    return statistics.pixels[:, train_id] / np.maximum(1, statistics.pixels.sum(1))


def _frame(info: DataInfo, split: Split, statistics: SplitStatistics, names: list[str], chosen: str) -> None:
    try:
        frame = cached.frame(info.spec, split, chosen)
    except CitysegError as error:
        st.error(f"This frame cannot be shown. {error}", icon=":material/broken_image:")
        return
    event = viewer(
        pictures.unsquashed(frame.photo, info),
        [Layer("truth", frame.train_ids)],
        key="browse",
        alt=f"Frame {chosen} with its true classes.",
        navigation=len(names) > 1,
        clicks=False,
    )
    position = names.index(chosen)
    st.caption(f"**{chosen}** · {frame.city} · frame {position + 1:,} of {len(names):,} shown, {split} split")
    index = statistics.frames.index(chosen)
    st.plotly_chart(
        frame_shares(statistics.pixels[index], statistics.share),
        key="frame_shares",
        config={"displayModeBar": False},
        alt=f"Share of every class in frame {chosen}",
    )
    void = statistics.void[index] / max(1, statistics.void[index] + statistics.pixels[index].sum())
    st.caption(
        f"Bars: this frame; ticks: what is usual in the {split} split. {percent(float(void))} of this frame carries no "
        "label that is scored."
    )
    if event is not None and event.kind != "click":
        step = 1 if event.kind == "next" else -1
        _open(names, names[(position + step) % len(names)])
        st.rerun(scope="fragment")


def _open(names: list[str], name: str) -> None:
    state.remember("frame", name)
    # The pages have been drawn already in this run; the next one opens the wanted one.
    st.session_state["data_page_wanted"] = names.index(name) // PAGE_SIZE + 1


def _grid(info: DataInfo, split: Split, statistics: SplitStatistics, indices: np.ndarray, chosen: str) -> str | None:
    """Show one page of thumbnails; returns the clicked frame."""
    pages = -(-len(indices) // PAGE_SIZE)
    names = [statistics.frames[index] for index in indices]
    _settle_page(names, chosen, pages)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(indices):,}** of {len(statistics.frames):,} frames")
        look = st.segmented_control(
            "Thumbnails", _LOOKS, default=_LOOKS[0], required=True, key="look", label_visibility="collapsed"
        )
    page = 1
    if pages > 1:
        page = st.pagination(pages, key="data_page", max_visible_pages=5, persist_state="session")
    state.remember("page", None if page == 1 else str(page))
    shown = indices[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    sort = st.session_state["data_sort"]
    sources = _thumbnails(info.spec, split, tuple(int(index) for index in shown), look)
    one_city = len({statistics.cities[index] for index in shown}) == 1
    cells = [
        Thumbnail(
            statistics.frames[index],
            _title(statistics, int(index), one_city),
            _note(statistics, int(index), sort),
            source,
        )
        for index, source in zip(shown, sources, strict=True)
    ]
    height, width = info.native_size
    aspect = 2.0 if pictures.is_squashed(info) else width / height
    clicked = gallery(
        cells,
        key="thumbnails",
        label=f"Frames of the {split} split",
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


def _title(statistics: SplitStatistics, index: int, one_city: bool) -> str:
    """Name the city where there are several, else what tells the frames of one city apart."""
    name, city = statistics.frames[index], statistics.cities[index]
    return name.removeprefix(f"{city}_") if one_city else city


def _note(statistics: SplitStatistics, index: int, sort: str) -> str:
    if sort.startswith(_MOST):
        name = sort.removeprefix(_MOST)
        return f"{percent(float(frame_share(statistics, CLASS_NAMES.index(name))[index]))} {name}"
    if sort in (DARKEST, BRIGHTEST):
        return f"brightness {statistics.brightness[index] / 255:.0%}".replace("%", "\u00a0%")
    return ""


@st.cache_data(show_spinner=False, max_entries=256)
def _thumbnails(spec: str, split: Split, indices: tuple[int, ...], look: str) -> list[str]:
    cached_split = cached.prepared(spec)[split]
    sources = []
    for index in indices:
        photo = np.asarray(cached_split.photos[index])
        if look == "labels":
            photo = overlay(photo, np.asarray(cached_split.labels[index]), opacity=0.7)
        sources.append(encode_thumbnail(photo))
    return sources
