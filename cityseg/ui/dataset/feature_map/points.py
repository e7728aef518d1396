"""The map itself: filters, colours, the selected frames, the open frame, near duplicates and outliers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.dataset import frame_table, region
from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import DataInfo
from cityseg.figures.dataset.feature_map import feature_map
from cityseg.ui.app import history, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.dataset import filters, frame, frame_notes
from cityseg.ui.dataset.charts.common import Statistics
from cityseg.ui.dataset.feature_map import coloring, duplicates, outliers, similar
from cityseg.ui.dataset.feature_map.model import LoadedMap

_CHART, _PAGE = "data_map", "data_map_page"
_AREA = "area"
_PAGE_SIZE = 18
_BUTTONS = [["lasso2d", "select2d", "zoom2d", "pan2d", "resetScale2d", "toImage"]]
_DUPLICATES, _OUTLIERS = "near duplicates", "outliers"


@history.fragment
def show(info: DataInfo, counted: Statistics, found: LoadedMap) -> None:
    """Show the map; the URL keeps filters, colours, the selected area and the open frame."""
    notes = frame_notes.read(info)
    table = FrameTable.of(counted, notes.tags)
    wanted = filters.choose(tuple(str(city) for city in np.unique(table.cities)), notes.known_tags)
    matching = frame_table.select(table, wanted)
    shown = np.zeros(len(table.names), bool)
    shown[matching] = True
    polygons = region.from_text(history.read(_AREA))
    selected = region.inside(found.stored.positions, polygons) & shown if polygons else None
    listed = matching if selected is None else matching[selected[matching]]
    frame_notes.toolbar(info, notes, wanted, [(table.splits.item(index), table.names[index]) for index in listed])
    opened = history.read("frame")
    chosen = table.names.index(opened) if opened in table.names else None
    if (lost := history.arriving("data_map_frame", "frame")) and chosen is None and history.is_link():
        url_state.report_stale("frame", [lost], "no frame")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _chart(info, table, found, shown, selected, polygons, chosen)
    with right:
        clicked = _selection(info, table, listed, chosen, is_selected=selected is not None)
    # Always there, so that the first click on a thumbnail can scroll to it.
    with st.container(key="map_frame"):
        if chosen is None:
            st.caption("Click a thumbnail to open its frame here.")
        else:
            clicked = _frame(info, table, chosen, listed) or clicked
    name = choose_option(
        st.segmented_control,
        "Lists",
        (_DUPLICATES, _OUTLIERS),
        "data_map_list",
        "list",
        label_visibility="collapsed",
        omit_default=True,
    )
    if name == _DUPLICATES:
        duplicates.show(info, table, found, shown)
    else:
        clicked = outliers.show(info, table, found, shown) or clicked
    if clicked:
        history.record("frame", clicked)
        st.rerun(scope="fragment")


def _chart(
    info: DataInfo,
    table: FrameTable,
    found: LoadedMap,
    shown: np.ndarray,
    selected: np.ndarray | None,
    polygons: list[np.ndarray],
    chosen: int | None,
) -> None:
    colors = coloring.choose(info.spec, table, st.container(horizontal=True, gap="small"))
    figure = feature_map(
        found.stored.positions,
        table.names,
        table.splits.tolist(),
        table.cities.tolist(),
        shown,
        colors,
        selected=selected,
        outlines=polygons,
        chosen=chosen,
    )
    st.plotly_chart(
        figure,
        key=_CHART,
        on_select=lambda: _select(table),
        selection_mode=("lasso", "box", "points"),
        config={"displaylogo": False, "displayModeBar": True, "modeBarButtons": _BUTTONS},
        alt=f"Map of {int(shown.sum()):,} frames by the features of a model's encoder.",
    )
    st.caption("Circles are train frames, diamonds val, squares test. Faint grey points do not match the filters.")


def _select(table: FrameTable) -> None:
    """Keep the drawn area, or open the clicked frame; Streamlit reports clicks while panning or zooming only."""
    selection = st.session_state[_CHART].selection
    polygons = [np.column_stack([lasso["x"], lasso["y"]]) for lasso in selection.get("lasso", ())]
    polygons += [region.rectangle(box["x"], box["y"]) for box in selection.get("box", ())]
    if polygons:
        history.record(_AREA, region.to_text(polygons))
        st.session_state[_PAGE] = 1
    elif selection.points and (data := selection.points[0].get("customdata")):
        history.record("frame", table.names[int(data[0])])


def _clear() -> None:
    history.record(_AREA, None)
    st.session_state[_PAGE] = 1


def _selection(
    info: DataInfo, table: FrameTable, listed: np.ndarray, chosen: int | None, *, is_selected: bool
) -> str | None:
    """Show the selected frames, all that match the filters without a selection; return the clicked one."""
    pages = max(1, -(-len(listed) // _PAGE_SIZE))
    with st.container(horizontal=True, vertical_alignment="center"):
        what = "selected" if is_selected else "match the filters"
        st.markdown(f"**{len(listed):,}** of {len(table.names):,} frames {what}", width="content")
        if is_selected:
            st.button(
                "Clear selection", key="data_map_clear", icon=":material/deselect:", type="tertiary", on_click=_clear
            )
    st.session_state[_PAGE] = min(st.session_state.get(_PAGE, 1), pages)
    page = st.pagination(pages, key=_PAGE, max_visible_pages=5, persist_state="session") if pages > 1 else 1
    first = (page - 1) * _PAGE_SIZE
    return thumbnails(info, table, listed[first : first + _PAGE_SIZE], "map_selection", "Selected frames", chosen)


def thumbnails(
    info: DataInfo, table: FrameTable, indices: np.ndarray, key: str, label: str, chosen: int | None = None
) -> str | None:
    """Show frames of the table as thumbnails with their split; return the clicked one."""
    cells = []
    for index in indices.tolist():
        name, split, city = table.names[index], table.splits.item(index), str(table.cities[index])
        source = frames.thumbnail(info.spec, split, name)
        cells.append(Thumbnail(name, city or name, f"{split} · {name.removeprefix(f'{city}_')}", source))
    opened = None if chosen is None else table.names[chosen]
    return gallery(cells, key=key, label=label, chosen=opened, aspect=frames.aspect(info), cell=112, target="map_frame")


def _frame(info: DataInfo, table: FrameTable, chosen: int, listed: np.ndarray) -> str | None:
    """Show the open frame and the frames like it; return the frame to open next."""
    places = np.flatnonzero(listed == chosen)
    order = listed if len(places) else np.array([chosen])
    place = int(places[0]) if len(places) else 0
    left, right = st.columns([3, 2], gap="medium")
    with left:
        step = frame.show(info, table, chosen, place, len(order))
    with right:
        clicked = similar.show(info, table, table.names[chosen])
    return table.names[order[(place + step) % len(order)]] if step else clicked
