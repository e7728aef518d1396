"""The list of near duplicates: pairs of frames that the model's encoder can hardly tell apart."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.dataset import duplicates as described
from cityseg.analysis.dataset import embedding
from cityseg.analysis.dataset.duplicates import Duplicate
from cityseg.analysis.dataset.embedding import Pairs
from cityseg.analysis.dataset.frame_table import FrameFilter, FrameTable
from cityseg.api import DataInfo
from cityseg.api.types import Split
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, history
from cityseg.ui.common import export, frames
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.common.url_choice import choose_option, switch
from cityseg.ui.dataset import frame
from cityseg.ui.dataset.charts import common
from cityseg.ui.dataset.feature_map.model import LoadedMap

_THRESHOLDS = ("0.8", "0.85", "0.9", "0.92", "0.94", "0.95", "0.96", "0.97", "0.98", "0.99", "0.995", "0.999")
_DEFAULT = "0.95"
_MOST, _PAGE_SIZE = 600, 12
_PAGE = "data_map_pairs_page"


def show(info: DataInfo, table: FrameTable, found: LoadedMap, shown: np.ndarray) -> None:
    """Show the pairs above a threshold, and the chosen pair large."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        threshold = choose_option(
            st.select_slider,
            "Least similarity",
            _THRESHOLDS,
            "data_map_similarity",
            "similarity",
            _DEFAULT,
            omit_default=True,
            width=320,
        )
        across = switch(
            "Only across splits",
            "data_map_leaks",
            "leaks",
            help="Only pairs of which one frame is for training and the other for a score, or one in val, one in test.",
        )
    pairs = _pairs(found.key, float(threshold), shown, found, across=across)
    listed = described.describe(pairs, found.stored.names, found.stored.splits, found.stored.cities)
    total = f"**{pairs.total:,}** {'pair' if pairs.total == 1 else 'pairs'}"
    most = f"; the {_MOST} most similar are listed" if pairs.total > _MOST else ""
    st.markdown(f"{total} of frames with a similarity of at least {threshold}{most}. {_leak_words(listed)}")
    if not listed:
        return
    pages = -(-len(listed) // _PAGE_SIZE)
    st.session_state[_PAGE] = min(st.session_state.get(_PAGE, 1), pages)
    page = st.pagination(pages, key=_PAGE, max_visible_pages=5, persist_state="session") if pages > 1 else 1
    on_page = {_title(table, pair): pair for pair in listed[(page - 1) * _PAGE_SIZE : page * _PAGE_SIZE]}
    clicked = gallery(
        [_cell(info, table, pair) for pair in on_page.values()],
        key="map_pairs",
        label="Near duplicates",
        aspect=2 * frames.aspect(info),
        cell=260,
        narrow=260,
        target="map_pair",
    )
    _table(table, listed)
    if clicked:
        history.record("pair", table.names[on_page[clicked].first])
        history.record("twin", table.names[on_page[clicked].second])
    with st.container(key="map_pair"):
        _pair(info, table)


@st.cache_resource(show_spinner=False, max_entries=32)
def _pairs(key: Hashable, threshold: float, shown: np.ndarray, _found: LoadedMap, *, across: bool) -> Pairs:
    """Return the pairs with a frame among those shown; ``key`` identifies the map."""
    stored = _found.stored
    groups = stored.splits if across else None
    return embedding.near_duplicates(stored.features, threshold, _MOST, groups=groups, among=shown)


def _leak_words(listed: list[Duplicate]) -> str:
    crossing, leaks = sum(pair.crosses for pair in listed), sum(pair.leak for pair in listed)
    if not crossing:
        return "None of those listed crosses a split."
    return (
        f"Listed pairs across splits: **{crossing:,}**, of which leaks: **{leaks:,}**. A leak, two frames of one city "
        "or nearly identical ones, makes a score look better than it is."
    )


def _title(table: FrameTable, pair: Duplicate) -> str:
    return f"{table.names[pair.first]} and {table.names[pair.second]}"


def _cell(info: DataInfo, table: FrameTable, pair: Duplicate) -> Thumbnail:
    splits = table.splits.item(pair.first), table.splits.item(pair.second)
    where = f"{'leak: ' if pair.leak else ''}{splits[0]} and {splits[1]}" if pair.crosses else splits[0]
    names = table.names[pair.first], table.names[pair.second]
    return Thumbnail(
        _title(table, pair),
        f"{pair.similarity:.3f} · {where}",
        f"{described.relation(pair)}: {_title(table, pair)}",
        _photos(info.spec, splits, names),
    )


@st.cache_data(show_spinner=False, max_entries=256)
def _photos(spec: str, splits: tuple[Split, Split], names: tuple[str, str]) -> str:
    """Encode two frames side by side."""
    photos = []
    for split, name in zip(splits, names, strict=True):
        part = cache.prepared(spec)[split]
        photos.append(np.asarray(part.photos[part.meta.frames.index(name)]))
    gap = np.full((photos[0].shape[0], 6, 3), 255, np.uint8)
    return encode_thumbnail(np.concatenate([photos[0], gap, photos[1]], axis=1))


def _table(table: FrameTable, listed: list[Duplicate]) -> None:
    rows = pd.DataFrame(
        {
            "Similarity": [round(pair.similarity, 4) for pair in listed],
            "Frame": [table.names[pair.first] for pair in listed],
            "Split": [table.splits.item(pair.first) for pair in listed],
            "Second frame": [table.names[pair.second] for pair in listed],
            "Second split": [table.splits.item(pair.second) for pair in listed],
            "Relation": [described.relation(pair) for pair in listed],
            "Leak": ["yes" if pair.leak else "no" for pair in listed],
        }
    )
    export.table(rows, "near-duplicates", "map_pairs")


def _pair(info: DataInfo, table: FrameTable) -> None:
    """Show both frames of the pair in the URL."""
    names = history.read("pair"), history.read("twin")
    if not all(name in table.names for name in names):
        st.caption("Click a pair to see both frames here.")
        return
    for place, name, column in zip(("pair", "twin"), names, st.columns(2, gap="medium"), strict=True):
        split = table.splits.item(table.names.index(name))
        with column:
            try:
                frame.view(info, cache.frame(info.spec, split, name), f"map_viewer_{place}")
            except CitysegError as error:
                st.error(f"This frame cannot be shown. {escape(error)}", icon=":material/broken_image:")
            st.caption(f"**{escape(name)}** · {split}")
            key, icon = f"map_open_{place}", ":material/photo_library:"
            if st.button("Open on Browse", key=key, icon=icon, type="tertiary", on_click=_browse, args=(name,)):
                # The tabs are outside the fragment of this button.
                st.rerun()


def _browse(name: str) -> None:
    common.show_frames(FrameFilter())
    history.record("frame", name)
