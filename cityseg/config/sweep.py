"""Sweeps: the configs of several runs of one group from a base config and the settings to vary.

Everything is validated before a run exists. A grid takes every combination; a random search samples some.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cityseg.config.experiment import SETTINGS, ExperimentConfig
from cityseg.config.parse import build, override
from cityseg.errors import UsageError
from cityseg.text import quoted, shortened, whole_number

MOST_RUNS = 64
SWEPT_SETTINGS = tuple(name for name, setting in SETTINGS.items() if setting.kind in ("value", "model"))
"""Settings that a sweep can vary; seeds have a list of their own."""
Scale = Literal["log", "linear"]
_DECADE = 10.0
_QUOTED = 80
"""Characters of a value that a message quotes."""
_DIGITS = 4
_TRIES = 50


@dataclass(frozen=True)
class Range:
    """Distribution that a random search samples a setting from."""

    low: float  # lower bound, in the setting's unit
    high: float  # upper bound
    scale: Scale  # log-uniform (`log`) or uniform (`linear`)


@dataclass(frozen=True)
class Sweep:
    """The settings to vary."""

    lists: Mapping[str, Sequence[str]]
    """Values to try, as text, by setting; a grid combines all, a random search samples one of each."""
    ranges: Mapping[str, Range]  # distributions of a random search, by setting
    draws: int | None = None  # number of samples of a random search, or None for a grid
    seeds: tuple[int, ...] = ()  # every combination is trained once with each; if empty, with the base config's seed
    draw_seed: int = 0  # seed of the random search


def expand(base: ExperimentConfig, sweep: Sweep, group: str) -> list[ExperimentConfig]:
    """Return the config of every run of a sweep around ``base``, seeds innermost.

    Raises:
        UsageError: nothing or too much to vary, an unknown setting, an invalid config, two equal configs.
    """
    if not group.strip():
        raise UsageError("expected a name for the group, found none; it ties the runs of a sweep together")
    base = build({**base.model_dump(), "group": group.strip()})
    _expect_sound(sweep)
    points = [*_grid(sweep)] if sweep.draws is None else [*_drawn(sweep, sweep.draws)]
    seeds: Sequence[int | None] = sweep.seeds or (None,)
    configs = []
    for point in points:
        words = [f"{field}={value}" for field, value in point.items()]
        for seed in seeds:
            try:
                configs.append(override(base, words if seed is None else [*words, f"seed={seed}"]))
            except UsageError as error:
                named = ", ".join(" ".join(shortened(word, _QUOTED).split()) for word in words)
                raise UsageError(f"{named or 'the settings'}: {error}") from None
    twice = next((config for place, config in enumerate(configs) if config in configs[:place]), None)
    if twice is not None:
        same = ", ".join(
            f"{field}={' '.join(shortened(str(getattr(twice, field)), _QUOTED).split())}"
            for field in (*sweep.lists, *sweep.ranges, "seed")
        )
        raise UsageError(f"expected runs that differ, found {same} twice; name every value once")
    return configs


def size(sweep: Sweep) -> int:
    """Return the number of runs of a sweep, whether or not their configs are valid."""
    points = math.prod(len(values) for values in sweep.lists.values()) if sweep.draws is None else sweep.draws
    return points * max(1, len(sweep.seeds))


def parse_list(text: str) -> tuple[str, list[str]]:
    """Read ``SETTING=VALUE,VALUE`` as a setting and its values; UsageError for another form or an unknown setting."""
    field, values = _split(text, "learning_rate=0.001,0.003")
    return field, parse_values(field, values)


def parse_values(field: str, text: str) -> list[str]:
    """Read ``VALUE,VALUE``; raises UsageError for an empty value."""
    if ";" in text and _holds_numbers(field):
        found = quoted(text.strip())
        raise UsageError(f"{field}: expected values with commas between them, found semicolons in {found}")
    values = [value.strip() for value in text.split(",")]
    if not all(values):
        found = quoted(text.strip()) if text.strip() else "none"
        raise UsageError(f"{field}: expected values with commas between them, found {found}")
    return values


def _holds_numbers(field: str) -> bool:
    setting = ExperimentConfig.model_fields.get(field)
    return setting is not None and setting.annotation in (int, float)


def parse_range(text: str) -> tuple[str, Range]:
    """Read ``SETTING=LOW..HIGH``, optionally with ``:log`` or ``:linear``; UsageError for anything else."""
    field, values = _split(text, "learning_rate=1e-4..1e-2")
    return field, parse_bounds(field, values)


def parse_bounds(field: str, text: str) -> Range:
    """Read ``LOW..HIGH``, ``LOW..HIGH:log`` or ``LOW..HIGH:linear``; UsageError for anything else.

    Without a scale, a range that spans a factor of 10 or more is `log`.
    """
    bounds, _, scale = text.partition(":")
    low_text, dots, high_text = bounds.partition("..")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        low = high = math.nan
    if not dots or not (math.isfinite(low) and math.isfinite(high)) or scale.strip() not in ("", "log", "linear"):
        raise UsageError(
            f"{field}: expected a range such as 1e-4..1e-2, with :log or :linear behind it if need be, found "
            f"{quoted(text.strip())}"
        )
    if low >= high:
        raise UsageError(f"{field}: expected a range from less to more, found {quoted(text.strip())}")
    if scale.strip() == "log" and low <= 0:
        raise UsageError(
            f"{field}: expected a range above 0 for the log scale, found {quoted(text.strip())}; use :linear"
        )
    spans_decades = low > 0 and high / low >= _DECADE
    return Range(low, high, "log" if scale.strip() == "log" or (not scale and spans_decades) else "linear")


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read ``0,1,2`` as seeds, an empty text as none; UsageError for other words or a duplicate seed."""
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    seeds = tuple(number for word in words if (number := whole_number(word)) is not None)
    if len(seeds) < len(words):
        raise UsageError(f"expected seeds as whole numbers with commas between them, found {quoted(text.strip())}")
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"expected every seed once, found {quoted(text.strip())}")
    return seeds


def numeric_fields() -> tuple[str, ...]:
    """Return the settings that can be sampled from a range."""
    return tuple(name for name in SWEPT_SETTINGS if ExperimentConfig.model_fields[name].annotation in (int, float))


def _split(text: str, example: str) -> tuple[str, str]:
    field, equals, values = text.partition("=")
    if not equals:
        raise UsageError(f"expected a setting with its values, found {quoted(text)}; for example {example}")
    _expect_setting(field.strip())
    return field.strip(), values


def _expect_setting(field: str) -> None:
    if field not in SETTINGS:
        raise UsageError(f"unknown setting {quoted(field)}: expected one of {', '.join(SWEPT_SETTINGS)}")


def _expect_sound(sweep: Sweep) -> None:
    for field in (*sweep.lists, *sweep.ranges):
        _expect_setting(field)
        if field not in SWEPT_SETTINGS:
            remedy = "use seeds" if SETTINGS[field].kind == "seed" else "it is a name"
            raise UsageError(f"expected a setting that can be varied, found {field}; {remedy}")
    if empty := [field for field, values in sweep.lists.items() if not values]:
        raise UsageError(f"{empty[0]}: expected values to vary, found none; name some")
    for field in sweep.ranges:
        if field in sweep.lists:
            raise UsageError(f"{field}: expected values or a range, found both; leave one out")
        if field not in numeric_fields():
            raise UsageError(
                f"{field}: expected a setting that is a number for a range, found another; list its values"
            )
    if sweep.draws is None:
        if sweep.ranges:
            raise UsageError(f"{', '.join(sweep.ranges)}: a range needs a number of draws, found none; say how many")
        if not sweep.lists and len(sweep.seeds) < 2:
            raise UsageError("expected something to vary, found nothing; name a setting with values, or two seeds")
    elif sweep.draws < 1:
        raise UsageError(f"expected at least 1 draw, found {sweep.draws}")
    elif not sweep.lists and not sweep.ranges:
        raise UsageError("expected something to draw, found nothing; name a setting with a range or with values")
    if size(sweep) > MOST_RUNS:
        raise UsageError(
            f"expected at most {MOST_RUNS} runs in a sweep, found {size(sweep)}; try fewer values, draws or seeds"
        )


def _grid(sweep: Sweep) -> Iterator[dict[str, str]]:
    for values in itertools.product(*sweep.lists.values()):
        yield dict(zip(sweep.lists, values, strict=True))


def _drawn(sweep: Sweep, draws: int) -> Iterator[dict[str, str]]:
    """Yield distinct random settings."""
    source = random.Random(sweep.draw_seed)
    seen: list[dict[str, str]] = []
    for _ in range(draws * _TRIES):
        point = {field: source.choice(values) for field, values in sweep.lists.items()}
        point |= {field: _draw(source, field, bounds) for field, bounds in sweep.ranges.items()}
        if point not in seen:
            seen.append(point)
            yield point
        if len(seen) == draws:
            return
    raise UsageError(f"expected {draws} different draws, found only {len(seen)}; draw fewer or widen the ranges")


def _draw(source: random.Random, field: str, bounds: Range) -> str:
    if bounds.scale == "log":
        value = math.exp(source.uniform(math.log(bounds.low), math.log(bounds.high)))
    else:
        value = source.uniform(bounds.low, bounds.high)
    if ExperimentConfig.model_fields[field].annotation is int:
        return str(round(value))
    # More digits would only widen the tables.
    return f"{value:.{_DIGITS}g}"
