"""A model as one ONNX file that other programs run, with everything they have to know about photos inside.

Input ``photo``: (N, 3, H, W) float32, red, green, blue in [0, 1], minus the mean, over the deviation that the metadata
give. Output ``logits``: (N, 19, H, W) float32. H and W are any multiples of the ``divisor``, where the architecture
has one and the model's own size is such a multiple, else the model's own size.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cityseg.checkpoint import ModelCard
from cityseg.classes import CLASS_NAMES
from cityseg.data.batches import Normalization
from cityseg.errors import CheckpointError
from cityseg.files import write_atomically
from cityseg.inference.predictor import Predictor

_KEY = "cityseg"
_LARGEST = 4096
"""Pixels on the longer side up to which sizes are free."""


def free_divisor(model: nn.Module, size: tuple[int, int]) -> int | None:
    """Return what the sides of an exported model's photos have to be multiples of; None where only ``size`` will do."""
    divisor: int | None = getattr(model, "min_size", None)
    return divisor if divisor and all(side % divisor == 0 and side >= 2 * divisor for side in size) else None


def write_onnx(model: nn.Module, card: ModelCard, path: Path) -> None:
    """Write a model as an ONNX file.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits, in evaluation mode on the CPU.
        card: what the file has to tell about it.
        path: replaced as a whole.
    """
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

    def write(part: Path) -> None:
        part.write_bytes(content)

    write_atomically(path, write)


def _metadata(card: ModelCard, divisor: int | None) -> dict[str, Any]:
    return {
        "architecture": card.architecture,
        "arguments": card.arguments,
        "image_size": list(card.image_size),
        "normalization": {"mean": list(card.normalization.mean), "std": list(card.normalization.std)},
        "parameters": card.parameters,
        "trained_on": card.trained_on,
        "classes": list(CLASS_NAMES),
        "temperature": card.temperature,
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
    """An ONNX file that is called like the network it was made from.

    Args:
        session: of ONNX Runtime.
        divisor: what the sides of photos have to be multiples of; None where one size alone will do.
    """

    def __init__(self, session: Any, divisor: int | None) -> None:
        super().__init__()
        self._session, self.min_size = session, divisor

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) float32 normalised photos -> (N, 19, H, W) logits."""
        (logits,) = self._session.run(["logits"], {"photo": x.contiguous().numpy()})
        return torch.from_numpy(logits)


def through_onnx(network: nn.Module, card: ModelCard) -> Predictor:
    """Return what predicts as a network does, by ONNX Runtime, without leaving a file; see ``write_onnx``."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        write_onnx(network, card, path)
        return load_onnx(path)


def load_onnx(path: Path) -> Predictor:
    """Open a file that ``write_onnx`` has written, to predict photos on the CPU.

    Raises:
        CheckpointError: no such file, no ONNX file, or one that does not say how it wants photos.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    if not path.is_file():
        raise CheckpointError(f"{path}: expected an ONNX file, found none; make one with `cityseg export`")
    try:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4
        # Its threads may wait for work in a loop while it computes, but not after: PyTorch's need the cores then.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        told = json.loads(session.get_modelmeta().custom_metadata_map[_KEY])
        card = ModelCard(
            architecture=told["architecture"],
            arguments=told["arguments"],
            image_size=tuple(told["image_size"]),
            normalization=Normalization(tuple(told["normalization"]["mean"]), tuple(told["normalization"]["std"])),
            parameters=told["parameters"],
            trained_on=told["trained_on"],
            classes=tuple(told["classes"]),
            temperature=told["temperature"],
        )
    except (ort.Fail, ort.InvalidProtobuf, ort.InvalidGraph, ort.InvalidArgument, ort.RuntimeException) as error:
        raise CheckpointError(
            f"{path}: expected an ONNX file, found something else ({str(error).splitlines()[0]}); export it again"
        ) from None
    except (KeyError, ValueError, TypeError):
        raise CheckpointError(
            f"{path}: expected an ONNX file made by `cityseg export`, found one that does not say how it wants photos; "
            "export the model again"
        ) from None
    if card.classes != CLASS_NAMES:
        raise CheckpointError(f"{path}: expected the 19 Cityscapes classes, found {len(card.classes)} others")
    return Predictor(OnnxModel(session, told["divisor"]), card)
