"""Self-describing checkpoints: ``model.safetensors`` and its model card ``model.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from cityseg.classes import CLASS_NAMES
from cityseg.data.batches import Normalization
from cityseg.errors import CheckpointError, UsageError
from cityseg.files import write_atomically, write_json
from cityseg.models import build_model

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
    write_atomically(folder / WEIGHTS, lambda path: save_file(weights, path))
    write_card(folder, card)


def write_card(folder: Path, card: ModelCard) -> None:
    """Write ``model.json`` alone, for example to add scores."""
    write_json(folder / CARD, asdict(card))


def read_card(folder: Path) -> ModelCard:
    """Read ``model.json``; raises CheckpointError if it is missing or malformed."""
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
        values["normalization"] = Normalization(
            tuple(values["normalization"]["mean"]), tuple(values["normalization"]["std"])
        )
        values["image_size"] = tuple(values["image_size"])
        values["classes"] = tuple(values["classes"])
        card = ModelCard(**values)
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: expected a checkpoint ({WEIGHTS} and {CARD}), found no {CARD}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder / CARD}: expected a checkpoint's description, found something else ({error}); "
            "restore the file or train again"
        ) from None
    if card.classes != CLASS_NAMES:
        raise CheckpointError(f"{folder / CARD}: expected the 19 Cityscapes classes, found {len(card.classes)} others")
    return card


def load(folder: Path, device: torch.device | str = "cpu") -> tuple[nn.Module, ModelCard]:
    """Rebuild a model in evaluation mode with float32 weights.

    Raises CheckpointError for no checkpoint, an incomplete one, or weights of another architecture.
    """
    card = read_card(folder)
    try:
        model = build_model(card.architecture, card.arguments)
        model.load_state_dict(load_file(folder / WEIGHTS))
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
    return model.float().to(device).eval(), card
