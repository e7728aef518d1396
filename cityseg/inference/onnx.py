"""A model as one ONNX file for other programs; its metadata describe the preprocessing.

Input ``photo``: (N, 3, H, W) float32, red, green, blue in [0, 1], minus the mean, over the deviation in the metadata.
Output ``logits``: (N, 19, H, W) float32. H and W are any multiples of the ``divisor``, if the architecture has one and
the model's own size is such a multiple, else the model's own size.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cityseg.checkpoint import ModelCard, card_of
from cityseg.errors import CheckpointError, UsageError
from cityseg.files import parse_json, write_atomically
from cityseg.inference.predictor import Predictor

_KEY = "cityseg"
_FROM_CARD = ("architecture", "arguments", "image_size", "parameters", "trained_on", "classes", "temperature")
"""Metadata that are fields of the model card."""
_LARGEST = 4096
"""Longest side of an input of free size, in pixels."""


def free_divisor(model: nn.Module, size: tuple[int, int]) -> int | None:
    """Return the divisor of the input sides that an exported model accepts, or None if it accepts only ``size``."""
    divisor: int | None = getattr(model, "min_size", None)
    return divisor if divisor and all(side % divisor == 0 and side >= 2 * divisor for side in size) else None


def write_onnx(model: nn.Module, card: ModelCard, path: Path) -> None:
    """Export a model, (N, 3, H, W) -> (N, 19, H, W) logits in evaluation mode on the CPU; ``path`` is replaced."""
    import onnx

    divisor = free_divisor(model, card.image_size)
    shapes: dict[int, Any] = {0: torch.export.Dim("frames")}
    if divisor:
        for axis, name in ((2, "rows"), (3, "columns")):
            shapes[axis] = divisor * torch.export.Dim(name, min=2, max=_LARGEST // divisor)
    example = torch.zeros(2, 3, *card.image_size)
    with _quiet():
        program = torch.onnx.export(
            model, (example,), input_names=["photo"], output_names=["logits"], dynamic_shapes=(shapes,), verbose=False
        )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {_KEY: json.dumps(_metadata(card, divisor))})
    content = proto.SerializeToString()
    write_atomically(path, lambda part: part.write_bytes(content))


def _metadata(card: ModelCard, divisor: int | None) -> dict[str, Any]:
    return {
        **{name: getattr(card, name) for name in _FROM_CARD},
        "normalization": asdict(card.normalization),
        "divisor": divisor,
        "photo": "red, green, blue in [0, 1], minus the mean, over the standard deviation, channel by channel",
        "resizing": "area average to image_size; logits back to the photo bilinearly, then the most probable class",
        "probabilities": "softmax of the logits over the temperature",
    }


@contextlib.contextmanager
def _quiet() -> Any:
    """Silence the exporter, which prints whole graphs."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.fx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class OnnxModel(nn.Module):
    """An ONNX Runtime session that is called like the network it was exported from."""

    def __init__(self, session: Any, divisor: int | None) -> None:
        super().__init__()
        self._session, self.min_size = session, divisor

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) float32 normalised photos -> (N, 19, H, W) logits."""
        (logits,) = self._session.run(["logits"], {"photo": x.contiguous().numpy()})
        return torch.from_numpy(logits)


def through_onnx(network: nn.Module, card: ModelCard) -> Predictor:
    """Export a network to a temporary file and load it with ONNX Runtime."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        write_onnx(network, card, path)
        return load_onnx(path)


def load_onnx(path: Path) -> Predictor:
    """Load a file written by ``write_onnx`` for prediction on the CPU.

    Raises:
        CheckpointError: the file is missing, is not an ONNX file, or lacks the metadata.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    if not path.is_file():
        raise CheckpointError(f"{path}: expected an ONNX file, found none; make one with `cityseg export`")
    try:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4
        # Idle threads may spin during a run, but not after it, when PyTorch's threads need the cores.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        stored = parse_json(session.get_modelmeta().custom_metadata_map[_KEY])
        card, divisor = card_of({name: stored[name] for name in (*_FROM_CARD, "normalization")}), stored["divisor"]
        if divisor is not None and not (isinstance(divisor, int) and 0 < divisor <= min(card.image_size)):
            raise ValueError(f"divisor {divisor!r}")
    except (ort.Fail, ort.InvalidProtobuf, ort.InvalidGraph, ort.InvalidArgument, ort.RuntimeException) as error:
        raise CheckpointError(
            f"{path}: expected an ONNX file, found something else ({str(error).splitlines()[0]}); export it again"
        ) from None
    except (KeyError, ValueError, UsageError):
        raise CheckpointError(
            f"{path}: expected an ONNX file made by `cityseg export`, found one without its metadata; "
            "export the model again"
        ) from None
    return Predictor(OnnxModel(session, divisor), card)
