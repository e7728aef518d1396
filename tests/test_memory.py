"""Exhausted memory is one sentence that names the cause and a remedy."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from cityseg import api, cli
from cityseg.data.prepared import build_cache
from cityseg.errors import DataError, OutOfMemory
from cityseg.inference.predictor import Predictor
from cityseg.memory import enough_memory, is_exhausted

EXHAUSTED = (
    MemoryError(),
    np._core._exceptions._ArrayMemoryError((8, 8), np.dtype("float32")),  # type: ignore[attr-defined]
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 9 bytes"),
    RuntimeError("could not create a primitive"),
    OSError(12, "Cannot allocate memory"),
)


@pytest.mark.parametrize("error", EXHAUSTED, ids=lambda error: type(error).__name__)
def test_exhausted_memory_is_explained(error):
    with pytest.raises(OutOfMemory) as found, enough_memory("for this", "do that"):
        raise error
    assert str(found.value) == "expected enough memory for this, found it exhausted; do that"


@pytest.mark.parametrize(
    "error", [RuntimeError("size mismatch"), OSError(2, "No such file"), DataError("out of memory")]
)
def test_other_errors_pass(error):
    assert not is_exhausted(error)
    with pytest.raises(type(error)) as found, enough_memory("for this", "do that"):
        raise error
    assert found.value is error


def exhausted(*_, **__):
    raise MemoryError


def test_allocator_of_pytorch_is_recognized():
    with pytest.raises(OutOfMemory), enough_memory("for this", "do that"):
        torch.empty(2**60)


def test_prediction_names_photo_and_remedy(trained, tmp_path, monkeypatch):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr(Predictor, "_predict", exhausted)
    with pytest.raises(OutOfMemory, match=r"^expected enough memory to predict a photo of 40x30 pixels, found it exh"):
        api.predict_photos(str(trained.folder), [tmp_path / "a.png"], tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setattr("cityseg.figures.images.prediction_files.encoders", exhausted)
    with pytest.raises(
        OutOfMemory, match=r"memory to predict .*a\.png, found it exhausted; make the photo smaller, lower"
    ):
        api.predict_photos(str(trained.folder), [tmp_path / "a.png"], tmp_path / "out")


def test_preparation_names_the_size_as_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(build_cache, "RowFile", exhausted)
    with pytest.raises(OutOfMemory, match=r"hold them at this size, found it exhausted; lower --size or image_size"):
        build_cache.fill(tmp_path, [], None, (8, 8), None, False)  # type: ignore[arg-type]


def test_any_verb_prints_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(cli, "verbs", exhausted)
    monkeypatch.setattr(sys, "argv", ["cityseg", "compare", "a", "b"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(
        "cityseg: expected enough memory for compare, found it exhausted; lower the"
    )
