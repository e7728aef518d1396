from __future__ import annotations

import math
import re

import pytest

from cityseg.config import ExperimentConfig, build
from cityseg.config.presets import preset
from cityseg.config.sweep import (
    Range,
    Sweep,
    expand,
    numeric_fields,
    parse_bounds,
    parse_list,
    parse_range,
    parse_seeds,
)
from cityseg.errors import UsageError

BASE = preset("better-1")


def test_a_grid_takes_every_combination_with_every_seed():
    sweep = Sweep({"learning_rate": ["0.001", "0.003"], "image_size": ["64x128", "32x64"]}, {}, seeds=(4, 5))
    configs = expand(BASE, sweep, " rates ")
    assert [(one.learning_rate, one.image_size, one.seed) for one in configs] == [
        (rate, size, seed) for rate in (0.001, 0.003) for size in ((64, 128), (32, 64)) for seed in (4, 5)
    ]
    assert {one.group for one in configs} == {"rates"}
    assert all(one.depth == BASE.depth and one.preset == "better-1" for one in configs)


def test_seeds_alone_make_a_sweep():
    assert [one.seed for one in expand(BASE, Sweep({}, {}, seeds=(0, 1, 2)), "luck")] == [0, 1, 2]


def test_random_samples_are_repeatable_distinct_and_within_bounds():
    sweep = Sweep(
        {"flip": ["true", "false"]},
        dict([parse_range("learning_rate=1e-4..1e-1"), ("depth", Range(0, 3, "linear"))]),
        20,
    )
    configs = expand(BASE, sweep, "search")
    assert configs == expand(BASE, sweep, "search")
    assert configs != expand(BASE, Sweep(sweep.lists, sweep.ranges, 20, draw_seed=1), "search")
    assert len({one.model_dump_json() for one in configs}) == 20
    rates = [one.learning_rate for one in configs]
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    # By factor: about as many in each decade. Even draws would leave one in a thousand in the lowest.
    assert {math.floor(math.log10(rate)) for rate in rates} == {-4, -3, -2}
    assert {one.depth for one in configs} <= {0, 1, 2, 3}
    assert {one.flip for one in configs} == {True, False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4..1e-2", Range(1e-4, 1e-2, "log")),
        ("0.1..0.3", Range(0.1, 0.3, "linear")),
        ("0.1..0.3:log", Range(0.1, 0.3, "log")),
        ("1..100 : linear", Range(1, 100, "linear")),
        ("0..0.5", Range(0, 0.5, "linear")),
    ],
)
def test_range_over_a_factor_of_ten_is_log_uniform(text, expected):
    assert parse_bounds("x", text) == expected


@pytest.mark.parametrize("text", ["1e-4", "a..b", "1..2:cubic", "..", "nan..1", ""])
def test_invalid_ranges_are_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_bounds("depth", text)
    assert str(refused.value) == (
        f"depth: expected a range such as 1e-4..1e-2, with :log or :linear behind it if need be, found {text!r}"
    )


@pytest.mark.parametrize(
    ("parse", "text", "sentence"),
    [
        (parse_range, "depth=3..1", "depth: expected a range from less to more, found '3..1'"),
        (
            parse_range,
            "depth=0..3:log",
            "depth: expected a range above 0 for the log scale, found '0..3:log'; use :linear",
        ),
        (
            parse_list,
            "depth",
            "expected a setting with its values, found 'depth'; for example learning_rate=0.001,0.003",
        ),
        (parse_list, "depth=", "depth: expected values with commas between them, found none"),
        (parse_list, "depth=1,,2", "depth: expected values with commas between them, found '1,,2'"),
        (parse_seeds, "0,a", "expected seeds as whole numbers with commas between them, found '0,a'"),
        (parse_seeds, "0,1,0", "expected every seed once, found '0,1,0'"),
    ],
)
def test_invalid_lists_and_seeds_are_refused(parse, text, sentence):
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert str(refused.value) == sentence


def many(number: int) -> list[str]:
    return [str(value + 1) for value in range(number)]


@pytest.mark.parametrize(
    ("sweep", "sentence"),
    [
        (Sweep({}, {}), "expected something to vary, found nothing; name a setting with values, or two seeds"),
        (Sweep({"rate": ["1"]}, {}), "unknown setting 'rate': expected one of architecture, "),
        (Sweep({"seed": ["1"]}, {}), "expected a setting that can be varied, found seed; use seeds"),
        (Sweep({"group": ["a"]}, {}), "expected a setting that can be varied, found group; it is a name"),
        (
            Sweep({"depth": ["1", "7"]}, {}),
            "depth=7: image_size 64x128 is too small for depth 7: expected at least 256 pixels on each side",
        ),
        (Sweep({"epochs": ["0"]}, {}), "epochs=0: epochs: input should be greater than or equal to 1, found 0"),
        (
            Sweep({"learning_rate": ["0.001", "1e-3"]}, {}),
            "expected runs that differ, found learning_rate=0.001, seed=0 twice; name every value once",
        ),
        (
            Sweep({"epochs": many(22)}, {}, seeds=(0, 1, 2)),
            "expected at most 64 runs in a sweep, found 66; try fewer values, draws or seeds",
        ),
        (
            Sweep({}, {"depth": Range(0, 1, "linear")}),
            "depth: a range needs a number of draws, found none; say how many",
        ),
        (
            Sweep({}, {"flip": Range(0, 1, "linear")}, 2),
            "flip: expected a setting that is a number for a range, found another; list its values",
        ),
        (
            Sweep({"depth": ["1"]}, {"depth": Range(0, 1, "linear")}, 2),
            "depth: expected values or a range, found both; leave one out",
        ),
        (Sweep({"depth": ["1"]}, {}, 0), "expected at least 1 draw, found 0"),
        (Sweep({}, {}, 3), "expected something to draw, found nothing; name a setting with a range or with values"),
        (
            Sweep({"depth": ["0", "1"]}, {}, 3),
            "expected 3 different draws, found only 2; draw fewer or widen the ranges",
        ),
    ],
)
def test_invalid_sweeps_are_refused(sweep, sentence):
    with pytest.raises(UsageError) as refused:
        expand(BASE, sweep, "g")
    assert str(refused.value).startswith(sentence)


def test_a_sweep_needs_a_name():
    with pytest.raises(UsageError) as refused:
        expand(BASE, Sweep({"depth": ["1"]}, {}), " ")
    assert str(refused.value) == "expected a name for the group, found none; it ties the runs of a sweep together"


def test_only_numbers_have_ranges():
    fields = numeric_fields()
    assert {"learning_rate", "depth", "epochs"} <= set(fields)
    assert not {"seed", "flip", "schedule", "image_size", "group"} & set(fields)
    assert set(fields) < set(ExperimentConfig.model_fields)


@pytest.mark.parametrize("group", ["a\nb", "\0", "\ud800"])
def test_a_group_is_checked_as_the_setting_is(group):
    with pytest.raises(UsageError, match="group: expected text without line breaks, control characters or halves"):
        expand(BASE, Sweep({"epochs": ["1", "2"]}, {}), group)


@pytest.mark.parametrize("setting", ["patience", "warmup_steps"])
def test_counts_are_bounded(setting):
    with pytest.raises(UsageError, match=f"{setting}: input should be less than or equal to 1000000000"):
        build({setting: 2**70, "schedule": "cosine"})


def test_a_message_quotes_the_beginning_of_a_long_value():
    with pytest.raises(UsageError) as refused:
        expand(ExperimentConfig(), Sweep({"architecture": ["9" * 5000, "unet"]}, {}), "g")
    assert re.match(r"architecture=9{20,40}…9{20,40}: architecture: ", str(refused.value))
    assert len(str(refused.value)) < 300
