"""Configs from values, ``KEY=VALUE`` words and JSON files; every problem is one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cityseg.config.experiment import ExperimentConfig
from cityseg.errors import UsageError
from cityseg.files import read_json
from cityseg.text import quoted, whole_number

_LARGEST_SIDE = 16384
_EXPECTED = {
    "float_parsing": "a number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
}
"""What was expected, by pydantic's kind of error, where its own message speaks of parsing."""


def build(values: Mapping[str, Any], *, strict: bool = False) -> ExperimentConfig:
    """Validate values and return them as a config; UsageError names every problem in one sentence.

    ``strict`` accepts the exact types alone, no number in quotes.
    """
    for key, value in values.items():
        # Otherwise pydantic takes true for 1.
        if not strict and isinstance(value, bool) and _type_of(key) in (int, float):
            raise UsageError(f"{key}: expected a number, found {str(value).lower()}")
    try:
        return ExperimentConfig.model_validate(dict(values), strict=strict)
    except ValidationError as error:
        raise UsageError("; ".join(_sentence(problem) for problem in error.errors())) from None


def override(config: ExperimentConfig, settings: Sequence[str]) -> ExperimentConfig:
    """Apply ``KEY=VALUE`` words, the values written as JSON or plain text; sizes also as ``HxW``.

    Raises:
        UsageError: a word of another form, a setting twice, an unknown one, or an invalid value.
    """
    values: dict[str, Any] = config.model_dump()
    seen: set[str] = set()
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator:
            raise UsageError(f"expected KEY=VALUE, found {quoted(setting)}; for example learning_rate=0.003")
        key = key.strip()
        if key in seen:
            raise UsageError(f"expected every setting once, found {quoted(key)} twice")
        seen.add(key)
        values[key] = _parse(key, text.strip())
    return build(values)


def load(path: Path) -> ExperimentConfig:
    """Read a config from a JSON file; UsageError for a missing or unsuitable one."""
    try:
        values = read_json(path)
    except OSError as error:
        raise UsageError(f"{path}: expected a configuration file, found none ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(
            f"{path}: expected a JSON object of settings, found something else ({error}); 'cityseg train' writes such "
            "a file"
        ) from None
    # A run folder's config.json holds the config beside its environment.
    return build(values["config"] if isinstance(values.get("config"), dict) else values)


def parse_size(text: str) -> tuple[int, int]:
    """Read ``HxW`` as (height, width) in pixels; UsageError for anything else."""
    height, _, width = text.lower().partition("x")
    sides = whole_number(height), whole_number(width)
    if not sides[0] or not sides[1]:
        raise UsageError(
            f"expected a size as HxW (height x width in pixels, for example 128x256), found {quoted(text)}"
        )
    if max(sides[0], sides[1]) > _LARGEST_SIDE:
        raise UsageError(f"expected a size of at most {_LARGEST_SIDE} pixels on each side, found {quoted(text)}")
    return sides[0], sides[1]


def _parse(key: str, text: str) -> Any:
    if key == "image_size" and not text.startswith("["):
        return parse_size(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = {"True": True, "False": False}.get(text, text)
    # A name may look like a number.
    return text if _type_of(key) is str and not isinstance(value, str) else value


def _type_of(key: str) -> Any:
    field = ExperimentConfig.model_fields.get(key)
    return field.annotation if field else None


def _sentence(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = get_close_matches(key, ExperimentConfig.model_fields, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"unknown setting {quoted(key)}: {hint}expected one of {', '.join(ExperimentConfig.model_fields)}"
    expected = _EXPECTED.get(problem["type"])
    message = f"expected {expected}" if expected else problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}, found {quoted(problem['input'])}" if key else str(message)
