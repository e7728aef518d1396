"""Read and validate ``dataset.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PureWindowsPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, LABELS, NUM_CLASSES
from cityseg.data.dataset import SPLITS, Split
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.layouts.name_file import Color
from cityseg.data.layouts.numberings import NUMBERINGS
from cityseg.errors import DataError
from cityseg.files import without_repeats
from cityseg.text import is_utf8

_VOID = "void"
_LARGEST = 65535
_ROUNDING = 1e-6

Folder = str | None
Suffix = Annotated[str, Field(pattern=r"^[^/\\\\]*$")]

Rule = list[str] | str | float
"""Frame names and patterns, the name of a text file with frame names, or a share of all frames."""


class DatasetJson(BaseModel):
    """The contents of ``dataset.json``. Unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    name: str
    """Display name of the dataset."""
    train_ids: dict[int, int] | dict[Color, int] | str
    """Train id (0 to 18, or 255 for void) of every value (0 to 65535) or colour of the label images; or the word of a
    known numbering; or the name of a text file with classes."""
    splits: dict[Split, Rule] | None = None
    """Rule for each split; None if ``images/`` holds a folder for each split."""
    unused: list[str] = []
    """Names and patterns of frames to leave out of all splits."""
    photos: Folder = None
    """Folder of the photos; ``images`` by default; ``.`` is that of ``dataset.json`` itself."""
    labels: Folder = None
    """Folder of the label images; ``labels`` by default."""
    photo_suffix: Suffix = ""
    """The part of the photos' file names behind the frame's name, with or without the suffix of the image format."""
    label_suffix: Suffix = ""
    """The same for label images."""

    @field_validator("train_ids", mode="plain")
    @classmethod
    def _check_train_ids(cls, value: Any) -> dict[int, int] | dict[Color, int] | str:
        if isinstance(value, str) and (value in NUMBERINGS or (value.lower().endswith(".txt") and _below(value))):
            return value
        if isinstance(value, str):
            close = get_close_matches(value, NUMBERINGS, n=1) or NUMBERINGS
            raise ValueError(f"expected train_ids to be a known numbering, found {value!r}; write {' or '.join(close)}")
        if not isinstance(value, dict) or not value:
            raise ValueError(f"expected train_ids to map label values to classes, found {_short(value)}")
        colors = {key: color for key in value if (color := _color(key)) is not None}
        if not colors:
            return {_label_value(key): _train_id(key, target) for key, target in value.items()}
        plain = [key for key in value if key not in colors]
        if plain:
            raise ValueError(f"expected values or colours as the keys of train_ids, found both ({plain[0]!r})")
        if len({*colors.values()}) < len(colors):
            raise ValueError("expected every colour once as a key of train_ids, found one in two forms; remove one")
        return {colors[key]: _train_id(key, target) for key, target in value.items()}

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError(f"expected a printable name, found {_short(value)}; change it")
        return value.strip()

    @field_validator("photos", "labels")
    @classmethod
    def _check_folder(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not _below(value):
            remedy = "move it" if value else 'write "." for that of dataset.json itself'
            raise ValueError(f"expected a folder beside dataset.json, found {value!r}; {remedy}")
        return "/".join(part for part in _slashes(value).split("/") if part not in ("", "."))

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
        if not is_utf8(json.dumps(values, ensure_ascii=False)):
            raise ValueError("text with half of a pair of surrogates")
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: expected JSON, found something else ({error}); correct it") from None
    if not isinstance(values, dict):
        raise DataError(f"{file}: expected a JSON object with name and train_ids, found {_short(values)}; correct it")
    try:
        return DatasetJson.model_validate(values)
    except ValidationError as error:
        raise DataError(f"{file}: {'; also '.join(_sentence(problem) for problem in error.errors())}") from None


def _label_value(text: str) -> int:
    # The length first: Python refuses to convert thousands of digits.
    if not re.fullmatch(r"0|[1-9][0-9]{0,4}", text) or int(text) > _LARGEST:
        raise ValueError(
            f"expected label values 0 to {_LARGEST} or colours as the keys of train_ids, found {_short(text)}; "
            'write colours as "#rrggbb" or "red,green,blue"'
        )
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


def _color(key: str) -> Color | None:
    """Return the colour that ``#rrggbb`` or ``red,green,blue`` means, else None."""
    hexadecimal = re.fullmatch(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", key.strip())
    if hexadecimal:
        red, green, blue = (int(part, 16) for part in hexadecimal.groups())
        return red, green, blue
    decimal = re.fullmatch(r"\(?\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*\)?", key.strip())
    if not decimal:
        return None
    red, green, blue = (int(part) for part in decimal.groups())
    return (red, green, blue) if max(red, green, blue) <= 255 else None


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _below(path: str) -> bool:
    """Whether a path is relative and stays below its folder."""
    windows = PureWindowsPath(path)
    return bool(path) and not windows.anchor and ".." not in windows.parts and path.isprintable()


def _rule(split: str, value: Any) -> Rule:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return value
    if isinstance(value, str) and value:
        if not _below(value):
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
