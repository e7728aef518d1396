"""Messages between the processes of a run: plain values and tensors as JSON and safetensors, never pickled.

The processes talk over ports without a password; whoever can reach one can write there, and reading a pickle executes
what it says.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cityseg import errors
from cityseg.errors import CitysegError, TrainingError

_LENGTH = struct.Struct("<Q")  # of the JSON in front of the tensors


def encode(value: Any) -> bytes:
    """Return None, bools, numbers, text, tensors, arrays, and lists, tuples and dicts of these, as bytes.

    TypeError for anything else.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_described(value, tensors)).encode()
    return _LENGTH.pack(len(text)) + text + save(tensors)


def decode(message: bytes) -> Any:
    """Return the value of ``encode``, with its tensors on the CPU; TrainingError for other bytes."""
    try:
        (length,) = _LENGTH.unpack_from(message)
        start = _LENGTH.size + length
        return _restored(json.loads(message[_LENGTH.size : start]), load(message[start:]))
    except (ValueError, TypeError, KeyError, RecursionError, struct.error, SafetensorError):
        raise TrainingError(
            "expected a message of this run's processes, found something else; another program writes to their ports"
        ) from None


def encode_error(error: CitysegError) -> bytes:
    """Return the type and the sentence of an error as bytes."""
    return encode({"error": type(error).__name__, "sentence": str(error)})


def decode_error(message: bytes) -> CitysegError:
    """Return the error of ``encode_error``; a TrainingError with the reason for other bytes."""
    try:
        values = decode(message)
        kind = getattr(errors, values["error"])
        if issubclass(kind, CitysegError):
            error: CitysegError = kind(str(values["sentence"]))
            return error
    except (TrainingError, AttributeError, KeyError, TypeError):
        pass
    return TrainingError("expected the reason why a process of this run failed, found an unreadable message")


def _described(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON; containers and tensors are a list of their kind and contents."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | Tensor):
        name = str(len(tensors))
        # Copies: safetensors refuses tensors that share memory.
        tensor = torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value.detach().cpu().clone()
        tensors[name] = tensor.contiguous()
        return ["array" if isinstance(value, np.ndarray) else "tensor", name]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [_described(part, tensors) for part in value]]
    if isinstance(value, dict):
        return ["dict", [[_described(part, tensors) for part in item] for item in value.items()]]
    raise TypeError(f"expected plain values and tensors, found {type(value).__name__}")


def _restored(described: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(described, list):
        return described
    kind, content = described
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    parts = [_restored(part, tensors) for part in content] if kind != "dict" else content
    if kind == "dict":
        return {_restored(key, tensors): _restored(part, tensors) for key, part in parts}
    return {"list": list, "tuple": tuple}[kind](parts)
