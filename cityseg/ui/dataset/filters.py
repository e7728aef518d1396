"""The filters of the dataset page: drawn, kept for the session, and written into the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from cityseg.analysis.dataset.frame_table import FULL_BRIGHTNESS, NAME, ORDERS, RANDOM, FrameFilter
from cityseg.api.types import SPLITS
from cityseg.classes import CLASS_NAMES
from cityseg.ui.app import session

_ALL = "all"
_WRITTEN = "data_address"
_LEASTS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
_LARGEST_SEED = 9999
_PARAMETERS = ("split", "city", "holds", "match", "least", "bright", "sort", "seed")


def choose(cities: Sequence[str]) -> FrameFilter:
    """Show the filters and return what they ask for.

    Args:
        cities: all cities of the connected data.
    """
    _follow_link(cities)
    grid = st.grid(columns=4, min_column_width=150)
    kept: dict[str, Any] = {"persist_state": "session"}
    split = grid.segmented_control("Split", (_ALL, *SPLITS), required=True, key="data_split", wrap=True, **kept)
    city = grid.multiselect("City", cities, key="data_city", placeholder="any city", **kept)
    classes = grid.multiselect(
        "Classes",
        CLASS_NAMES,
        key="data_holds",
        placeholder="any class",
        help="Frames that hold these classes.",
        **kept,
    )
    order = grid.selectbox("Order", ORDERS, key="data_sort", **kept)
    low, high = grid.slider(
        "Brightness",
        *FULL_BRIGHTNESS,
        key="data_bright",
        format="%d %%",
        help="Mean grey level of the photo; 100 % is white.",
        **kept,
    )
    match = grid.segmented_control(
        "Of these classes",
        ("all", "any"),
        required=True,
        key="data_match",
        disabled=len(classes) < 2,
        help="Whether a frame has to hold all chosen classes, or any one of them is enough.",
        **kept,
    )
    least = grid.select_slider(
        "Least share",
        _LEASTS,
        format_func=lambda least: f"{least:g} %" if least else "any",
        key="data_least",
        disabled=not classes,
        help="How much of a frame's labelled pixels a chosen class has to cover.",
        **kept,
    )
    if order == RANDOM:
        grid.number_input(
            "Shuffle",
            0,
            _LARGEST_SEED,
            key="data_seed",
            help="Another number is another order; the same one the same.",
            **kept,
        )
    query = FrameFilter(
        splits=() if split == _ALL else (split,),
        cities=tuple(city),
        classes=tuple(classes),
        match=match,
        min_area=least if classes else 0.0,
        brightness=(low, high),
        order=order,
        seed=st.session_state["data_seed"] if order == RANDOM else 0,
    )
    _write(to_address(query))
    return query


def put(query: FrameFilter) -> None:
    """Set the filters (for callbacks: before they are drawn)."""
    st.session_state.update(
        data_split=query.splits[0] if query.splits else _ALL,
        data_city=list(query.cities),
        data_holds=list(query.classes),
        data_match=query.match,
        data_least=query.min_area,
        data_bright=query.brightness,
        data_sort=query.order,
        data_seed=query.seed,
    )
    # What the address says was true before this, and must not be taken for a link that was followed.
    st.session_state[_WRITTEN] = _address()


def to_address(query: FrameFilter) -> dict[str, str]:
    """Write a query as parameters of the address; what is left at its default is left out."""
    said = {
        "split": ",".join(query.splits),
        "city": ",".join(query.cities),
        "holds": ",".join(query.classes),
        "match": "" if query.match == "all" else query.match,
        "least": f"{query.min_area:g}" if query.min_area else "",
        "bright": "" if query.brightness == FULL_BRIGHTNESS else "-".join(map(str, query.brightness)),
        "sort": "" if query.order == NAME else query.order,
        "seed": str(query.seed) if query.seed else "",
    }
    return {name: value for name, value in said.items() if value}


def from_address(address: Mapping[str, str], cities: Sequence[str]) -> FrameFilter:
    """Read a query from parameters of the address; what makes no sense counts as not said.

    Args:
        address: values by parameter.
        cities: those that can be asked for.
    """
    asked = {name: address.get(name, "").split(",") for name in ("split", "city", "holds")}
    least = address.get("least", "")
    seed = address.get("seed", "")
    return FrameFilter(
        splits=tuple(split for split in SPLITS if split in asked["split"])[:1],
        cities=tuple(city for city in cities if city in asked["city"]),
        classes=tuple(name for name in CLASS_NAMES if name in asked["holds"]),
        match="any" if address.get("match") == "any" else "all",
        min_area=next((known for known in _LEASTS if f"{known:g}" == least), 0.0),
        brightness=_range(address.get("bright", "")),
        order=address["sort"] if address.get("sort") in ORDERS else NAME,
        seed=min(int(seed), _LARGEST_SEED) if seed.isdecimal() else 0,
    )


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    if low.isdecimal() and high.isdecimal() and FULL_BRIGHTNESS[0] <= int(low) <= int(high) <= FULL_BRIGHTNESS[1]:
        return int(low), int(high)
    return FULL_BRIGHTNESS


def _follow_link(cities: Sequence[str]) -> None:
    """Take over what the address says, unless it is what this page wrote there itself."""
    address = _address()
    if "data_split" not in st.session_state or (address and address != st.session_state.get(_WRITTEN)):
        put(from_address(address, cities))
    st.session_state["data_city"] = [city for city in st.session_state["data_city"] if city in cities]


def _address() -> dict[str, str]:
    return {name: st.query_params[name] for name in _PARAMETERS if name in st.query_params}


def _write(said: Mapping[str, str]) -> None:
    for name in _PARAMETERS:
        session.remember(name, said.get(name))
    st.session_state[_WRITTEN] = dict(said)
