from __future__ import annotations

import contextlib
import io
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import cityseg
from cityseg import errors, messages
from cityseg.errors import CitysegError, TrainingError, UsageError

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.integers() | st.text()
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_plain_values_arrive_as_they_were(value):
    assert messages.decode(messages.encode(value)) == value


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.bool, torch.int64, torch.float32, torch.float64, torch.bfloat16, torch.float16]
)
def test_tensors_arrive_bit_for_bit(dtype):
    x = torch.randn(2, 3).to(dtype)
    first, scalar, empty, transposed = messages.decode(
        messages.encode([x, torch.tensor(2).to(dtype), torch.zeros(0, 4).to(dtype), x.T])
    )
    assert torch.equal(first, x)
    assert (scalar.shape, empty.shape, transposed.shape) == ((), (0, 4), (3, 2))
    assert first.dtype == scalar.dtype == empty.dtype == dtype


def test_arrays_and_the_state_of_an_optimiser_arrive():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = {"optimizer": optimizer.state_dict(), "counts": (np.arange(6, dtype=np.int64).reshape(2, 3)[:, ::2],)}
    arrived = messages.decode(messages.encode(state))
    np.testing.assert_array_equal(arrived["counts"][0], [[0, 2], [3, 5]])
    again = torch.optim.AdamW(model.parameters())
    again.load_state_dict(arrived["optimizer"])
    assert torch.equal(again.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


def test_other_objects_are_refused_by_the_sender():
    with pytest.raises(TypeError, match="expected plain values and tensors, found PosixPath"):
        messages.encode({"folder": Path()})


class Trap:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def hostile() -> list[bytes]:
    saved = io.BytesIO()
    torch.save(Trap(), saved)
    return [pickle.dumps(Trap()), pickle.dumps(UsageError("known")), saved.getvalue(), b"", b"\0" * 8, b"{}" * 20]


@pytest.mark.parametrize("message", hostile())
def test_nothing_in_a_message_is_executed(tmp_path, monkeypatch, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match="expected a message of this run's processes, found something else"):
        messages.decode(message)
    assert "expected the reason why a process of this run failed" in str(messages.decode_error(message))
    assert list(tmp_path.iterdir()) == []


@given(st.binary(max_size=80) | st.builds(lambda value, at: messages.encode(value)[:at], VALUES, st.integers(0, 60)))
def test_any_bytes_are_a_value_or_refused(message):
    with contextlib.suppress(TrainingError):
        messages.decode(message)


def test_nothing_in_the_package_is_unpickled():
    source = {path: path.read_text() for path in Path(cityseg.__file__).parent.rglob("*.py")}
    # `pickle.UnpicklingError` is what torch.load raises for files that it refuses.
    unpickling = (
        r"\bpickle\.(?!UnpicklingError)|allow_pickle=True|_object_list\(|all_gather_object\(|weights_only=False"
    )
    assert [str(path) for path, text in source.items() if re.search(unpickling, text)] == []
    loads = [line for text in source.values() for line in text.splitlines() if "torch.load(" in line]
    assert loads
    assert all("weights_only=True" in line for line in loads)


@given(st.sampled_from(["UsageError", "DataError", "TrainingError", "Stopped", "CheckpointError"]), st.text())
def test_errors_keep_type_and_sentence(name, sentence):
    error = getattr(errors, name)(sentence)
    arrived = messages.decode_error(messages.encode_error(error))
    assert (type(arrived), str(arrived)) == (type(error), sentence)


@pytest.mark.parametrize("values", [{"error": "annotations", "sentence": "x"}, {"error": "os"}, ["error"], 3])
def test_an_error_of_another_kind_is_a_training_error(values):
    arrived = messages.decode_error(messages.encode(values))
    assert isinstance(arrived, CitysegError)
    assert "unreadable message" in str(arrived)
