"""Self-describing checkpoints: ``model.safetensors`` and its model card ``model.json``."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cityseg.card_document import CardDocument
from cityseg.classes import CLASS_NAMES
from cityseg.data.batches import Normalization
from cityseg.documents import check
from cityseg.errors import CheckpointError, UsageError
from cityseg.files import file_size, read_json, write_atomically, write_json
from cityseg.metrics.summary import PROVENANCE
from cityseg.models import arguments_from, build_model

WEIGHTS, CARD = FILES = "model.safetensors", "model.json"


@dataclass(frozen=True)
class ModelCard:
    """The model card: architecture, preprocessing, provenance and scores."""

    architecture: str  # name in the registry
    arguments: dict[str, Any]  # keyword arguments of the architecture
    image_size: tuple[int, int]  # (height, width) the model was trained at
    normalization: Normalization  # applied to photos in [0, 1]
    parameters: int  # number of trained parameters
    trained_on: str  # name of the training data
    classes: tuple[str, ...] = CLASS_NAMES  # names by train id
    training: dict[str, Any] = field(default_factory=dict)  # epochs, steps, seconds and, as `recipe`, the config
    # Summaries by split, each with the fingerprint of its data and the evaluation size.
    scores: dict[str, Any] = field(default_factory=dict)
    # The same measured at the network's size, for the budgets of the first study; empty for all other models.
    network_scores: dict[str, Any] = field(default_factory=dict)
    temperature: float = 1.0  # divides the logits before they become probabilities, fitted on val (Guo et al., 2017)
    # frames_per_second at batch size 1 and the device; of a published model also onnx_frames_per_second, on the CPU.
    speed: dict[str, Any] = field(default_factory=dict)
    measured_on: str = ""  # name of the data of the scores, if not the training data
    terms: str = ""  # sentence on the licence of the training data, if one is known


def save(folder: Path, model: nn.Module, card: ModelCard, dtype: torch.dtype | None = None) -> None:
    """Write the weights, then the card, whose presence means that both are complete.

    ``dtype`` is that of the stored floating point weights, such as bfloat16 for half the file size; None keeps theirs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: (value.to(dtype) if dtype and value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    try:
        write_atomically(folder / WEIGHTS, lambda path: save_file(weights, path))
    except SafetensorError as error:
        # It holds the system's message, such as "I/O error: No space left on device (os error 28)".
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code), str(folder / WEIGHTS)) from None
    write_card(folder, card)


def write_card(folder: Path, card: ModelCard) -> None:
    """Write ``model.json`` alone, for example to add scores."""
    write_json(folder / CARD, asdict(card))


def find_card(folder: Path) -> ModelCard | None:
    """Read ``model.json``, or return None if there is none; CheckpointError if it is malformed."""
    return read_card(folder) if os.path.lexists(folder / CARD) else None


def read_card(folder: Path) -> ModelCard:
    """Read ``model.json``; raises CheckpointError if it is missing or malformed."""
    try:
        return card_of(read_json(folder / CARD))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: expected a checkpoint ({WEIGHTS} and {CARD}), found no {CARD}") from None
    except (OSError, ValueError, UsageError) as error:
        found = " ".join(str(error).split())
        raise CheckpointError(
            f"{folder / CARD}: expected a checkpoint's description, found something else ({found}); "
            "restore the file or train again"
        ) from None


def card_of(values: Mapping[str, Any]) -> ModelCard:
    """Return the model card of a stored document; ValueError if something in it is missing, wrong or out of bounds."""
    if isinstance(scores := values.get("scores"), dict):
        # A checkpoint between two epochs has the provenance of scores, but no scores.
        measured = {
            split: one for split, one in scores.items() if not (isinstance(one, dict) and {*one} <= {*PROVENANCE})
        }
        values = {**values, "scores": measured}
    check(CardDocument, values)
    if unknown := sorted(set(values) - {field.name for field in fields(ModelCard)}):
        raise ValueError(f"unknown key {unknown[0]!r}, maybe of a newer version of cityseg")
    height, width = values["image_size"]
    mean, std = (tuple(values["normalization"][name]) for name in ("mean", "std"))
    classes = tuple(values.get("classes", CLASS_NAMES))
    if classes != CLASS_NAMES:
        raise ValueError(f"expected the 19 Cityscapes classes, found {len(classes)} others")
    # Types and bounds of the arguments; what cannot be built is no card either.
    arguments_from(values["architecture"], values["arguments"], (height, width))
    rebuilt = {"normalization": Normalization(mean, std), "image_size": (height, width), "classes": classes}
    return ModelCard(**{**values, **rebuilt})


def weights_version(folder: Path) -> int:
    """Return a number that changes with the weights; CheckpointError if there are none."""
    try:
        return (folder / WEIGHTS).stat().st_mtime_ns
    except OSError:
        raise CheckpointError(f"{folder}: expected a checkpoint's {WEIGHTS}, found none") from None


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of the weights, kept until the file changes; CheckpointError if there are none."""
    path = folder / WEIGHTS
    weights_version(folder)
    found = path.stat()
    return _digest(path, found.st_mtime_ns, found.st_size)


@functools.lru_cache(64)
def _digest(path: Path, _mtime: int, _size: int) -> str:
    file_size(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(folder: Path, device: torch.device | str = "cpu") -> tuple[nn.Module, ModelCard]:
    """Rebuild a model in evaluation mode with float32 weights.

    The names and shapes of the weights are compared with the network's before memory is allocated for either.

    Raises CheckpointError for no checkpoint, an incomplete one, weights of another architecture, or weights that are
    not finite.
    """
    card = read_card(folder)
    try:
        with torch.device("meta"):
            model = build_model(card.architecture, arguments_from(card.architecture, card.arguments, card.image_size))
        expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        if _shapes(folder / WEIGHTS) != expected:
            raise UsageError("other weights")
        model.to_empty(device="cpu").load_state_dict(load_file(folder / WEIGHTS))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: expected a checkpoint's {WEIGHTS}, found none") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS}: expected safetensors weights, found a damaged file ({error})"
        ) from None
    except (RuntimeError, TypeError, UsageError):
        raise CheckpointError(
            f"{folder}: expected weights of {card.architecture} {card.arguments}, found others; "
            f"{WEIGHTS} and {CARD} do not belong together"
        ) from None
    model = model.float()
    for name, value in model.state_dict().items():
        if not value.isfinite().all() or (name.endswith("running_var") and (value < 0).any()):
            raise CheckpointError(
                f"{folder / WEIGHTS}: expected finite weights, found NaN, infinity or a negative variance in {name}; "
                "restore the file or train again"
            )
    return model.to(device).eval(), card


def stored_dtype(folder: Path) -> str:
    """Return the dtype of the stored weights, such as bfloat16; CheckpointError if there are none."""
    weights_version(folder)
    file_size(folder / WEIGHTS)
    with safe_open(folder / WEIGHTS, "pt") as stored:
        kinds = {stored.get_slice(name).get_dtype() for name in stored.keys()}  # noqa: SIM118, no dict
    return "bfloat16" if "BF16" in kinds else "float16" if "F16" in kinds else "float32"


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every stored tensor by name, from the header alone."""
    file_size(path)
    with safe_open(path, "pt") as stored:
        return {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118, no dict
