"""Filters in the address: what is written there is read back, and nonsense is ignored."""

from __future__ import annotations

import pytest

from cityseg.analysis.dataset.frame_table import DARKEST, NAME, RANDOM, FrameFilter, most_of
from cityseg.ui.dataset.filters import from_address, to_address

CITIES = ("aachen", "bochum", "ulm")


@pytest.mark.parametrize(
    ("query", "address"),
    [
        (FrameFilter(), {}),
        (FrameFilter(splits=("val",), order=DARKEST), {"split": "val", "sort": "darkest first"}),
        (
            FrameFilter(cities=("aachen", "ulm"), classes=("traffic light", "car"), match="any", min_area=0.5),
            {"city": "aachen,ulm", "holds": "traffic light,car", "match": "any", "least": "0.5"},
        ),
        (
            FrameFilter(brightness=(20, 45), order=RANDOM, seed=7),
            {"bright": "20-45", "sort": "random", "seed": "7"},
        ),
        (FrameFilter(order=most_of("bus")), {"sort": "most bus"}),
    ],
)
def test_a_query_is_written_and_read_back(query: FrameFilter, address: dict[str, str]) -> None:
    assert to_address(query) == address
    read = from_address(address, CITIES)
    assert (set(read.classes), read.cities) == (set(query.classes), query.cities)
    assert to_address(read) == {**address, **({"holds": ",".join(read.classes)} if query.classes else {})}


@pytest.mark.parametrize(
    "address",
    [
        {"split": "validation", "city": "atlantis", "holds": "dragon", "match": "none"},
        {"least": "0.3"},
        {"least": "lots"},
        {"bright": "60-20"},
        {"bright": "-5-20"},
        {"bright": "dark"},
        {"sort": "best first"},
        {"seed": "-1"},
        {"seed": "²"},
    ],
)
def test_nonsense_in_an_address_counts_as_not_said(address: dict[str, str]) -> None:
    assert from_address(address, CITIES) == FrameFilter(order=NAME)


def test_a_seed_beyond_the_widgets_reach_is_its_largest() -> None:
    assert from_address({"seed": "99999999"}, CITIES).seed == 9999
