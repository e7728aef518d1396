from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cityseg.checkpoint import ModelCard
from cityseg.data.batches import Normalization
from cityseg.errors import UsageError
from cityseg.inference import features as module
from cityseg.inference.features import pooled_features
from cityseg.inference.predictor import Predictor
from cityseg.models import build_model
from cityseg.models.fused import for_inference


def predictor(model: nn.Module, architecture: str = "unet") -> Predictor:
    card = ModelCard(architecture, {}, (32, 64), Normalization.named("imagenet"), 0, "nothing")
    return Predictor(model.eval(), card)


def hooked(model: nn.Module, layer: nn.Module, split, card: ModelCard) -> np.ndarray:
    """The output of a layer in a whole forward pass, averaged over each frame's pixels; one frame at a time."""
    seen = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        for photo in split.photos:
            model(card.normalization.apply(torch.from_numpy(photo.copy())[None]))
    handle.remove()
    return np.stack([output.mean((0, 2, 3)).numpy() for output in seen])


def test_features_are_those_of_the_last_level_of_the_encoder(cached_split, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(module, "FEATURES_BATCH", 2)
    split = cached_split(5, (32, 64))
    own = predictor(build_model("unet", {"start_channels": 4, "depth": 1, "stem": 2}))
    expected = hooked(own.model, own.model.down[-1], split, own.card)
    calls = []
    found = pooled_features(own, split, lambda done, total: calls.append((done, total)))
    assert found.shape == (5, 16)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert calls == [(2, 5), (4, 5), (5, 5)]
    fused = Predictor(for_inference(own.model, torch.device("cpu")), own.card)
    np.testing.assert_allclose(pooled_features(fused, split), expected, atol=1e-4)


def test_baselines_have_features_at_sizes_they_pad(cached_split):
    torch.manual_seed(0)
    split = cached_split(2, (40, 64))
    resnet = predictor(build_model("smp-unet", {}), "smp-unet")
    expected = hooked(resnet.model, resnet.model.network.encoder.layer4, split, resnet.card)
    np.testing.assert_allclose(pooled_features(resnet, split), expected, atol=1e-4)
    mobilenet = predictor(build_model("lraspp", {}), "lraspp")
    # The last block of the backbone has 960 channels.
    assert pooled_features(mobilenet, split).shape == (2, 960)


def test_a_network_without_an_encoder_is_refused(cached_split):
    with pytest.raises(UsageError, match=r"expected a network with an encoder, found unet; choose another model"):
        pooled_features(predictor(nn.Conv2d(3, 19, 1)), cached_split(1))


def test_frames_too_small_for_the_network_are_refused(cached_split):
    deep = predictor(build_model("unet", {"start_channels": 4, "depth": 4}))
    with pytest.raises(UsageError, match="at least 32x32 pixels for this depth, found 16x32"):
        pooled_features(deep, cached_split(1, (16, 32)))
