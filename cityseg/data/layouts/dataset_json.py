"""Read and validate ``dataset.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, LABELS, NUM_CLASSES
from cityseg.data.dataset import SPLITS, Split
from cityseg.data.layouts.source_file import SourceFile
from cityseg.errors import DataError
from cityseg.files import without_repeats

_VOID = "void"
_LARGEST = 65535
_ROUNDING = 1e-6

Rule = list[str] | str | float
"""Frame names and patterns, the name of a text file with frame names, or a share of all frames."""


class DatasetJson(BaseModel):
    """The contents of ``dataset.json``. Unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1)]
    """Display name of the dataset."""
    train_ids: dict[int, int]
    """Train id (0 to 18, or 255 for void) of every value of the label images (0 to 65535)."""
    splits: dict[Split, Rule] | None = None
    """Rule for each split; None if ``images/`` holds a folder for each split."""
    unused: list[str] = []
    """Names and patterns of frames to leave out of all splits."""

    @field_validator("train_ids", mode="before")
    @classmethod
    def _check_train_ids(cls, value: Any) -> dict[int, int]:
        if not isinstance(value, dict) or not value:
            raise ValueError(f"expected train_ids to map label values to classes, found {_short(value)}")
        return {_label_value(key): _train_id(key, target) for key, target in value.items()}

    @field_validator("splits", mode="before")
    @classmethod
    def _check_splits(cls, value: Any) -> dict[str, Rule] | None:
        if value is None:
            return None
        if not isinstance(value, dict) or not value:
            raise ValueError(f"expected splits to hold {_list_of(SPLITS)}, found {_short(value)}")
        unknown = [split for split in value if split not in SPLITS]
        if unknown:
            raise ValueError(f"expected splits named {_list_of(SPLITS)}, found {unknown[0]!r}; rename it")
        rules = {split: _rule(split, rule) for split, rule in value.items()}
        shares = [rule for rule in rules.values() if isinstance(rule, float)]
        if shares and len(shares) < len(rules):
            raise ValueError("expected a share for every split or for none, found both kinds; choose one")
        if shares and abs(sum(shares) - 1) > _ROUNDING:
            raise ValueError(f"expected shares that add up to 1, found {sum(shares):g}; change splits")
        return rules


def read_dataset_json(file: SourceFile) -> DatasetJson:
    """Read ``dataset.json``.

    Raises:
        DataError: it is not a JSON object, or is invalid; the message lists all errors.
    """
    try:
        values = json.loads(file.read().decode("utf-8-sig"), object_pairs_hook=without_repeats)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: expected JSON, found something else ({error}); correct it") from None
    if not isinstance(values, dict):
        raise DataError(f"{file}: expected a JSON object with name and train_ids, found {_short(values)}; correct it")
    try:
        return DatasetJson.model_validate(values)
    except ValidationError as error:
        raise DataError(f"{file}: {'; also '.join(_sentence(problem) for problem in error.errors())}") from None


def _label_value(text: str) -> int:
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
        raise ValueError(f"expected a scored class for value {value}, found {target!r}; write null for void")
    close = ", ".join(get_close_matches(target.lower(), CLASS_NAMES) or CLASS_NAMES)
    raise ValueError(f"expected a Cityscapes class for value {value}, found {target!r}; the closest: {close}")


def _rule(split: str, value: Any) -> Rule:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return value
    if isinstance(value, str) and value:
        path = PurePosixPath(value.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"expected a text file beside dataset.json for splits.{split}, found {value!r}; move it")
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ValueError(
        f"expected a list of names, a text file or a share from 0 to 1 for splits.{split}, found {_short(value)}"
    )


def _sentence(problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = get_close_matches(key, DatasetJson.model_fields, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "remove it"
        return f"expected the keys {_list_of(DatasetJson.model_fields)}, found {key!r}; {remedy}"
    if problem["type"] == "missing":
        return f"expected the key {key!r}, found none; add it"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    message = problem["msg"]
    return f"expected a valid {key}, found {_short(problem['input'])}; {message[0].lower()}{message[1:]}"


def _list_of(names: Any) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
