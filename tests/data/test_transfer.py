from __future__ import annotations

import torch

from cityseg.data.transfer import constants, send

CPU = torch.device("cpu")


def test_send_keeps_dtype_and_values():
    for values in (torch.arange(4), torch.tensor([True, False]), torch.rand(2, 3)):
        sent = send(values, CPU)
        assert sent.dtype == values.dtype
        assert torch.equal(sent, values)
    assert send(torch.arange(4), torch.device("meta")).device.type == "meta"


def test_constants_are_copied_once():
    first = constants((0.5, 0.25), CPU)
    assert first.tolist() == [0.5, 0.25]
    assert first.dtype == torch.float32
    assert constants((0.5, 0.25), CPU) is first
    assert constants((0.5, 0.25), torch.device("meta")).device.type == "meta"
    assert constants(((1.0, 2.0), (3.0, 4.0)), CPU).shape == (2, 2)
