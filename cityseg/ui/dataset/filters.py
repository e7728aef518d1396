"""The filters of the Browse tab, kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from cityseg.analysis.dataset.frame_table import FULL_BRIGHTNESS, NAME, ORDERS, RANDOM, FrameFilter
from cityseg.api.types import SPLITS
from cityseg.classes import CLASS_NAMES
from cityseg.text import whole_number
from cityseg.ui.app import history, url_state

PART = "dataset_filters"
"""Key of the container of the filters, the top of the Browse tab."""
_ALL = "all"
_AREAS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
_LARGEST_SEED = 9999
_PARAMETERS = ("split", "city", "holds", "match", "least", "bright", "tags", "sort", "seed")


def choose(cities: Sequence[str], tags: Sequence[str] = ()) -> FrameFilter:
    """Show the filters and return the chosen ones.

    Args:
        cities: all cities of the connected data; without names of cities there is no filter for them.
        tags: all tags of its frames; without tags there is no filter for them.
    """
    _follow_link(cities, tags)
    grid = st.grid(columns=4, min_column_width=150)
    kept: dict[str, Any] = {"persist_state": "session"}
    split = grid.segmented_control("Split", (_ALL, *SPLITS), required=True, key="data_split", wrap=True, **kept)
    city: Sequence[str] = ()
    if any(cities):
        city = grid.multiselect("City", cities, key="data_city", placeholder="any city", **kept)
    classes = grid.multiselect("Classes", CLASS_NAMES, key="data_holds", placeholder="any class", **kept)
    order = grid.selectbox("Order", ORDERS, key="data_sort", **kept)
    low, high = grid.slider(
        "Brightness",
        *FULL_BRIGHTNESS,
        key="data_bright",
        format="%d %%",
        help="Mean grey level; 100 % is white.",
        **kept,
    )
    match = grid.segmented_control(
        "Match",
        ("all", "any"),
        required=True,
        key="data_match",
        disabled=len(classes) < 2,
        help="Whether a frame must contain all selected classes or any of them.",
        **kept,
    )
    min_area = grid.select_slider(
        "Minimum area",
        _AREAS,
        format_func=lambda area: f"{area:g} %" if area else "any",
        key="data_least",
        disabled=not classes,
        help="Minimum share of a frame's labelled pixels that a selected class must cover.",
        **kept,
    )
    chosen_tags: Sequence[str] = ()
    if tags:
        meaning = "A frame must have all of these tags."
        chosen_tags = grid.multiselect("Tags", tags, key="data_tags", placeholder="any tag", help=meaning, **kept)
    if order == RANDOM:
        seed_input("Random seed", "data_seed", "Every seed gives another order.", grid)
    wanted = FrameFilter(
        splits=() if split == _ALL else (split,),
        cities=tuple(city),
        classes=tuple(classes),
        match=match,
        min_area=min_area if classes else 0.0,
        brightness=(low, high),
        tags=tuple(chosen_tags),
        order=order,
        seed=st.session_state["data_seed"] if order == RANDOM else 0,
    )
    parameters = to_address(wanted)
    for name in _PARAMETERS:
        url_state.keep(name, parameters.get(name))
    return wanted


def put(wanted: FrameFilter) -> None:
    """Set the filters; to be called from a callback, before the widgets are created."""
    st.session_state.update(
        data_split=wanted.splits[0] if wanted.splits else _ALL,
        data_city=list(wanted.cities),
        data_holds=list(wanted.classes),
        data_match=wanted.match,
        data_least=wanted.min_area,
        data_bright=wanted.brightness,
        data_tags=list(wanted.tags),
        data_sort=wanted.order,
        data_seed=wanted.seed,
    )
    # The URL still holds the previous filters; mark them as our own, so that they are not taken for a link.


def to_address(wanted: FrameFilter) -> dict[str, str]:
    """Return the URL parameters of a filter; defaults are omitted."""
    parameters = {
        "split": ",".join(wanted.splits),
        "city": ",".join(wanted.cities),
        "holds": ",".join(wanted.classes),
        "match": "" if wanted.match == "all" else wanted.match,
        "least": f"{wanted.min_area:g}" if wanted.min_area else "",
        "bright": "" if wanted.brightness == FULL_BRIGHTNESS else "-".join(map(str, wanted.brightness)),
        "tags": ";".join(wanted.tags),
        "sort": "" if wanted.order == NAME else wanted.order,
        "seed": str(wanted.seed) if wanted.seed else "",
    }
    return {name: value for name, value in parameters.items() if value}


def from_address(address: Mapping[str, str], cities: Sequence[str], tags: Sequence[str] = ()) -> FrameFilter:
    """Parse a filter from URL parameters; invalid values are ignored."""
    listed = {name: address.get(name, "").split(",") for name in ("split", "city", "holds")}
    min_area = address.get("least", "")
    return FrameFilter(
        splits=tuple(split for split in SPLITS if split in listed["split"])[:1],
        cities=tuple(city for city in cities if city and city in listed["city"]),
        classes=tuple(name for name in CLASS_NAMES if name in listed["holds"]),
        match="any" if address.get("match") == "any" else "all",
        min_area=next((area for area in _AREAS if f"{area:g}" == min_area), 0.0),
        brightness=_range(address.get("bright", "")),
        tags=tuple(tag for tag in tags if tag in address.get("tags", "").split(";")),
        order=address["sort"] if address.get("sort") in ORDERS else NAME,
        seed=parse_seed(address.get("seed", "")),
    )


def parse_seed(text: str) -> int:
    """Return the seed in a URL parameter, at most the largest; 0 if it is invalid."""
    return min(whole_number(text) or 0, _LARGEST_SEED)


def seed_input(label: str, key: str, meaning: str, place: Any = st, **settings: Any) -> int:
    """Show the input for a random seed."""
    kept: dict[str, Any] = {"persist_state": "session", **settings}
    return int(place.number_input(label, 0, _LARGEST_SEED, key=key, help=meaning, **kept))


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    darkest, brightest = whole_number(low), whole_number(high)
    if darkest is None or brightest is None or not FULL_BRIGHTNESS[0] <= darkest <= brightest <= FULL_BRIGHTNESS[1]:
        return FULL_BRIGHTNESS
    return darkest, brightest


def _follow_link(cities: Sequence[str], tags: Sequence[str]) -> None:
    """Apply the URL's filters, once per visit."""
    linked = [history.arriving(f"data_{name}", name) for name in _PARAMETERS]
    if "data_split" not in st.session_state or any(text is not None for text in linked):
        put(from_address(_address(), cities, tags))
    st.session_state["data_city"] = [city for city in st.session_state["data_city"] if city in cities]
    st.session_state["data_tags"] = [tag for tag in st.session_state.get("data_tags", ()) if tag in tags]


def _address() -> dict[str, str]:
    return {name: value for name in _PARAMETERS if (value := history.read(name))}
