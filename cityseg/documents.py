"""Validation of the JSON documents that the studio writes and reads back."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cityseg.errors import DataError
from cityseg.files import DAMAGE, read_json

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""A whole number that a float holds exactly."""
Seconds = Annotated[float, Field(ge=0, le=1e12)]
"""A duration or a time since 1970."""
Score = Annotated[float, Field(ge=-1e-9, le=1 + 1e-9)]
"""A score or a share."""


class Document(BaseModel):
    """Base of the documents: exact types, finite numbers; further keys are kept, for other versions may have more."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


def read_document(path: Path, document: type[Document], expected: str, remedy: str) -> dict[str, Any] | None:
    """Return a stored JSON document, None if there is no file.

    Raises DataError, which names what was ``expected`` and the ``remedy``, for an unreadable or damaged file.
    """
    try:
        stored = read_json(path)
        check(document, stored)
    except FileNotFoundError:
        return None
    except (OSError, *DAMAGE) as error:
        found = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: expected {expected}, found a damaged file ({found}); {remedy}") from None
    return stored


def check(document: type[Document], values: Mapping[str, Any]) -> None:
    """Raise ValueError, which names the first key that is missing or wrong, unless ``values`` are such a document."""
    try:
        document.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        message = problem["msg"].removeprefix("Value error, ")
        place = ".".join(str(part) for part in problem["loc"]) or "the document"
        found = "" if problem["type"] == "missing" else f", found {reprlib.repr(problem['input'])}"
        raise ValueError(f"{place}: {message[0].lower()}{message[1:]}{found}") from None
