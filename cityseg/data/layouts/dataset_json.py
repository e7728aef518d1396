"""``dataset.json``: read strictly, and refused in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, LABELS, NUM_CLASSES
from cityseg.data.dataset import SPLITS, Split
from cityseg.data.layouts.source_file import StoredFile
from cityseg.errors import DataError

_VOID = "void"
_LARGEST = 65535
_ROUNDING = 1e-6

Rule = list[str] | str | float
"""Names and patterns of frames, the name of a text file of names, or a share of all frames."""


class Description(BaseModel):
    """What ``dataset.json`` says. Unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1)]
    """What to call the dataset."""
    train_ids: dict[int, int]
    """Train id, 0 to 18, or 255 for what is not scored, of every value of the label images, 0 to 65535."""
    splits: dict[Split, Rule] | None = None
    """How frames are told apart; none if ``images/`` holds a folder for each split."""
    unused: list[str] = []
    """Names and patterns of frames to leave out."""

    @field_validator("train_ids", mode="before")
    @classmethod
    def _check_train_ids(cls, given: Any) -> dict[int, int]:
        if not isinstance(given, dict) or not given:
            raise ValueError(f"expected train_ids to map label values to classes, found {_short(given)}")
        return {_value(value): _train_id(value, target) for value, target in given.items()}

    @field_validator("splits", mode="before")
    @classmethod
    def _check_splits(cls, given: Any) -> dict[str, Rule] | None:
        if given is None:
            return None
        if not isinstance(given, dict) or not given:
            raise ValueError(f"expected splits to hold {_list_of(SPLITS)}, found {_short(given)}")
        unknown = [split for split in given if split not in SPLITS]
        if unknown:
            raise ValueError(f"expected splits named {_list_of(SPLITS)}, found {unknown[0]!r}; rename it")
        rules = {split: _rule(split, rule) for split, rule in given.items()}
        shares = [rule for rule in rules.values() if isinstance(rule, float)]
        if shares and len(shares) < len(rules):
            raise ValueError("expected a share for every split or for none, found both kinds; choose one")
        if shares and abs(sum(shares) - 1) > _ROUNDING:
            raise ValueError(f"expected shares that add up to 1, found {sum(shares):g}; change splits")
        return rules


def read_description(file: StoredFile) -> Description:
    """Read ``dataset.json``.

    Raises:
        DataError: it is no JSON object, or holds what the format does not allow, all of it in one sentence.
    """
    try:
        given = json.loads(file.read().decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: expected JSON, found something else ({error}); correct it") from None
    if not isinstance(given, dict):
        raise DataError(f"{file}: expected a JSON object with name and train_ids, found {_short(given)}; correct it")
    try:
        return Description.model_validate(given)
    except ValidationError as error:
        raise DataError(f"{file}: {'; also '.join(_sentence(problem) for problem in error.errors())}") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"{key!r} stands there twice")
        values[key] = value
    return values


def _value(text: str) -> int:
    if not (text.isascii() and text.isdigit() and str(int(text)) == text and int(text) <= _LARGEST):
        raise ValueError(f"expected label values 0 to {_LARGEST} as the keys of train_ids, found {text!r}; correct it")
    return int(text)


def _train_id(value: str, target: Any) -> int:
    if target is None or target == _VOID:
        return IGNORE_INDEX
    if isinstance(target, int) and not isinstance(target, bool):
        if target == IGNORE_INDEX or 0 <= target < NUM_CLASSES:
            return target
        raise ValueError(f"expected train ids 0 to {NUM_CLASSES - 1} or null, found {target} for value {value}")
    if not isinstance(target, str):
        raise ValueError(f"expected a class name, a train id or null for value {value}, found {_short(target)}")
    if target in CLASS_NAMES:
        return CLASS_NAMES.index(target)
    if any(label.name == target for label in LABELS):
        raise ValueError(
            f"expected a class that is scored for value {value}, found {target!r}; write null for what is not scored"
        )
    close = get_close_matches(target.lower(), CLASS_NAMES) or CLASS_NAMES
    raise ValueError(
        f"expected a Cityscapes class for value {value}, found {target!r}; the closest: {', '.join(close)}"
    )


def _rule(split: str, given: Any) -> Rule:
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return given
    if isinstance(given, str) and given:
        path = PurePosixPath(given.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"expected a text file beside dataset.json for splits.{split}, found {given!r}; move it")
        return given
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    raise ValueError(
        f"expected a list of names, a text file or a share from 0 to 1 for splits.{split}, found {_short(given)}"
    )


def _sentence(problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = get_close_matches(key, Description.model_fields, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "remove it"
        return f"expected the keys {_list_of(Description.model_fields)}, found {key!r}; {remedy}"
    if problem["type"] == "missing":
        return f"expected the key {key!r}, found none; add it"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    message = problem["msg"]
    return f"expected {key} to be right, found {_short(problem['input'])}; {message[0].lower()}{message[1:]}"


def _list_of(names: Any) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
