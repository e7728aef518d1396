"""Selecting frames, against plain loops over the same table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cityseg.analysis.dataset.frame_table import (
    BRIGHTEST,
    DARKEST,
    ORDERS,
    RANDOM,
    FrameFilter,
    FrameTable,
    class_of_order,
    most_of,
    relaxations,
    select,
)
from cityseg.classes import CLASS_NAMES

FRAMES = 60


@pytest.fixture(scope="module")
def catalogue() -> FrameTable:
    random = np.random.default_rng(4)
    pixels = random.integers(0, 50, (FRAMES, 19)) * (random.random((FRAMES, 19)) < 0.4)
    pixels[7] = 0
    return FrameTable(
        names=tuple(f"frame_{index:03d}" for index in random.permutation(FRAMES)),
        splits=np.array(["train"] * 40 + ["val"] * 12 + ["test"] * 8),
        cities=random.choice(["aachen", "bochum", "ulm"], FRAMES),
        pixels=pixels,
        void=random.integers(0, 9, FRAMES),
        brightness=random.integers(10, 90, FRAMES).astype(float),
    )


def kept(catalogue: FrameTable, fits: Callable[[int], bool]) -> set[str]:
    return {name for index, name in enumerate(catalogue.names) if fits(index)}


def selected(catalogue: FrameTable, query: FrameFilter) -> list[str]:
    return [catalogue.names[index] for index in select(catalogue, query)]


def share(catalogue: FrameTable, index: int, name: str) -> float:
    counts = [int(count) for count in catalogue.pixels[index]]
    return counts[CLASS_NAMES.index(name)] / sum(counts) if sum(counts) else 0.0


def test_without_filters_every_frame_is_there_by_name(catalogue: FrameTable) -> None:
    assert selected(catalogue, FrameFilter()) == sorted(catalogue.names)


def test_split_city_and_brightness_narrow_together(catalogue: FrameTable) -> None:
    query = FrameFilter(splits=("train", "val"), cities=("aachen", "ulm"), brightness=(30, 61))
    assert set(selected(catalogue, query)) == kept(
        catalogue,
        lambda i: (
            catalogue.splits[i] != "test" and catalogue.cities[i] != "bochum" and 30 <= catalogue.brightness[i] <= 61
        ),
    )
    edge = int(catalogue.brightness[0])
    assert catalogue.names[0] in selected(catalogue, FrameFilter(brightness=(edge, edge))), "both ends are included"


@pytest.mark.parametrize("least", [0.0, 5.0, 20.0])
@pytest.mark.parametrize(("match", "combine"), [("all", all), ("any", any)])
def test_classes_are_all_there_or_any(
    catalogue: FrameTable, match: str, combine: Callable[..., bool], least: float
) -> None:
    names = ("car", "person")
    found = selected(catalogue, FrameFilter(classes=names, match=match, min_area=least))  # type: ignore[arg-type]

    def fits(index: int) -> bool:
        shares = [share(catalogue, index, name) for name in names]
        return combine(value > 0 and 100 * value >= least for value in shares)

    assert set(found) == kept(catalogue, fits)
    assert 0 < len(found) < FRAMES


def test_orders(catalogue: FrameTable) -> None:
    light = dict(zip(catalogue.names, catalogue.brightness, strict=True))
    dark = [light[name] for name in selected(catalogue, FrameFilter(order=DARKEST))]
    assert dark == sorted(light.values())
    assert [light[name] for name in selected(catalogue, FrameFilter(order=BRIGHTEST))] == sorted(
        light.values(), reverse=True
    )
    by_bus = [
        share(catalogue, catalogue.names.index(name), "bus")
        for name in selected(catalogue, FrameFilter(order=most_of("bus")))
    ]
    assert by_bus == sorted(by_bus, reverse=True)
    assert by_bus[0] > 0


def test_random_order_follows_its_seed_and_survives_a_filter(catalogue: FrameTable) -> None:
    first = selected(catalogue, FrameFilter(order=RANDOM, seed=1))
    assert first == selected(catalogue, FrameFilter(order=RANDOM, seed=1))
    assert first != selected(catalogue, FrameFilter(order=RANDOM, seed=2))
    assert sorted(first) == sorted(catalogue.names)
    some = selected(catalogue, FrameFilter(order=RANDOM, seed=1, cities=("ulm",)))
    assert some == [name for name in first if name in set(some)]


def test_orders_by_class_are_recognised() -> None:
    assert [class_of_order(order) for order in ORDERS[4:]] == list(CLASS_NAMES)
    assert {class_of_order(order) for order in ORDERS[:4]} == {None}


def test_relaxations_are_counted_and_match_frames(catalogue: FrameTable) -> None:
    query = FrameFilter(splits=("val",), classes=CLASS_NAMES, min_area=50.0)
    assert len(select(catalogue, query)) == 0
    ways = relaxations(catalogue, query)
    assert [(words, frames) for words, _, frames in ways] == [("all classes", 12)]
    assert [len(select(catalogue, way)) for _, way, _ in ways] == [12]


def test_all_conditions_are_dropped_if_no_single_one_helps(catalogue: FrameTable) -> None:
    query = FrameFilter(cities=("nowhere",), brightness=(99, 100), order=DARKEST)
    assert relaxations(catalogue, query) == [("everything", FrameFilter(order=DARKEST), FRAMES)]
