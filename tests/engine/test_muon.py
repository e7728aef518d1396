from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cityseg.engine.muon import Muon, orthogonalized
from cityseg.models import UNet


@pytest.mark.parametrize("shape", [(8, 8), (6, 40), (40, 6), (1, 12)])
def test_an_orthogonalised_matrix_keeps_its_directions_and_loses_its_lengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalized(matrix.float()).double()
    in_its_directions = left.T @ found @ right.T
    lengths = in_its_directions.diagonal()
    assert 0.5 < lengths.min() <= lengths.max() < 1.3
    torch.testing.assert_close(in_its_directions, torch.diag(lengths), atol=1e-4, rtol=0)
    torch.testing.assert_close(orthogonalized(1000 * matrix.float()), found.float(), atol=1e-4, rtol=1e-3)


def test_matrices_of_linear_layers_move_as_with_pytorchs_muon():
    """The 1x1 convolution of 8 to 12 channels is a 12x8 matrix; PyTorch's Muon knows those alone, in bfloat16."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 12, 1, bias=False))
    other = nn.Parameter(model[0].weight.detach()[:, :, 0, 0].clone())
    mine = Muon(model, lr=0.003, weight_decay=0.1)
    theirs = torch.optim.Muon([other], lr=0.01, weight_decay=0.1, momentum=0.95, nesterov=True)
    begin = other.detach().clone()
    for seed in range(4):
        gradient = torch.randn(12, 8, generator=torch.Generator().manual_seed(seed))
        model[0].weight.grad, other.grad = gradient[:, :, None, None].clone(), gradient.clone()
        mine.step()
        theirs.step()
    moved, expected = model[0].weight.detach()[:, :, 0, 0] - begin, other.detach() - begin
    assert float((moved - expected).norm() / expected.norm()) < 0.02


def test_everything_else_moves_as_with_adamw():
    torch.manual_seed(0)
    model = UNet(8, 1, block="separable", upsampling="bilinear")
    twin = copy.deepcopy(model)
    for network in (model, twin):
        torch.manual_seed(1)
        output = network(torch.randn(2, 3, 16, 16))
        (output * torch.randn_like(output)).sum().backward()
    Muon(model, lr=0.01, weight_decay=0.1).step()
    torch.optim.AdamW(twin.parameters(), lr=0.01, weight_decay=0.1).step()
    same = {
        name
        for (name, mine), theirs in zip(model.named_parameters(), twin.parameters(), strict=True)
        if torch.equal(mine, theirs)
    }
    differ = {name for name, _ in model.named_parameters()} - same
    assert {"head.weight", "head.bias", "down.0.change.0.weight"} <= same
    assert "up.0.convolve.change.0.weight" in same, "a depthwise kernel is no matrix"
    assert {"down.0.change.5.weight", "up.0.up.0.weight", "down.1.shortcut.0.weight"} <= differ
    assert all(dict(model.named_parameters())[name].ndim == 4 for name in differ)


def test_resumed_optimiser_continues_from_its_state():
    def steps(model, optimizer, seeds):
        for seed in seeds:
            torch.manual_seed(seed)
            output = model(torch.randn(2, 3, 8, 8))
            optimizer.zero_grad()
            (output * torch.randn_like(output)).sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    model = UNet(8, 0, block="separable", upsampling="bilinear")
    optimizer = Muon(model, lr=0.01, weight_decay=0.1)
    steps(model, optimizer, [1, 2])
    twin = copy.deepcopy(model)
    other = Muon(twin, lr=0.5, weight_decay=0.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(model, optimizer, [3, 4])
    steps(twin, other, [3, 4])
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, theirs)
