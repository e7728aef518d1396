"""The model card as ``model.json`` stores it, with the bounds of every value that a prediction depends on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from cityseg.documents import Count, Document, Seconds
from cityseg.metrics.summary import SplitSummary

_Mean = Annotated[float, Field(ge=0, le=1)]
_Deviation = Annotated[float, Field(ge=1e-3, le=1e3)]
_Speed = Annotated[float, Field(gt=0, le=1e9)]


class Normalization(Document):
    """Mean and standard deviation of red, green and blue in [0, 1]."""

    mean: Annotated[list[_Mean], Field(min_length=3, max_length=3)]
    std: Annotated[list[_Deviation], Field(min_length=3, max_length=3)]


class Training(Document):
    """How the weights were trained."""

    epoch: Count | None = None
    steps: Count | None = None
    seconds: Seconds | None = None
    device: str | None = None
    recipe: dict[str, Any] | None = None
    averaged: list[Any] | None = None


class Speed(Document):
    """Frames per second at batch size 1."""

    frames_per_second: _Speed | None = None
    onnx_frames_per_second: _Speed | None = None
    device: str | None = None


class CardDocument(Document):
    """``model.json``."""

    architecture: str
    arguments: dict[str, Any]
    image_size: Annotated[list[int], Field(min_length=2, max_length=2)]
    normalization: Normalization
    parameters: Count
    trained_on: str
    classes: list[str] = Field(default_factory=list)
    training: Training = Field(default_factory=Training)
    scores: dict[str, SplitSummary] = Field(default_factory=dict)
    temperature: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    speed: Speed = Field(default_factory=Speed)
    measured_on: str = ""
    terms: str = ""
