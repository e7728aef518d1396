"""Filters in the URL: round trip, and invalid values."""

from __future__ import annotations

import pytest

from cityseg.analysis.dataset.frame_table import DARKEST, NAME, RANDOM, FrameFilter, most_of
from cityseg.ui.dataset.filters import from_address, to_address

CITIES = ("aachen", "bochum", "ulm")


@pytest.mark.parametrize(
    ("wanted", "address"),
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
def test_a_filter_round_trips_through_the_url(wanted: FrameFilter, address: dict[str, str]) -> None:
    assert to_address(wanted) == address
    read = from_address(address, CITIES)
    assert (set(read.classes), read.cities) == (set(wanted.classes), wanted.cities)
    assert to_address(read) == {**address, **({"holds": ",".join(read.classes)} if wanted.classes else {})}


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
def test_invalid_values_in_a_url_are_ignored(address: dict[str, str]) -> None:
    assert from_address(address, CITIES) == FrameFilter(order=NAME)


def test_a_seed_beyond_the_limit_is_clipped() -> None:
    assert from_address({"seed": "99999999"}, CITIES).seed == 9999
