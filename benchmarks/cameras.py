"""How a model bears other cameras: its macro F1 on val as it is, and with every photo changed as another camera would.

    python -m benchmarks.cameras FOLDER [--model NAME ...] [--json]

The changes, one at a time, alike for every frame (in the manner of Kamann and Roth, "Benchmarking the Robustness of
Semantic Segmentation Models", arXiv 1908.05005): exposure, contrast, white balance, saturation, blur, noise, a longer
and a shorter lens, and a camera tilted up or down. What a lens or a tilt brings in from outside the frame is mid-grey
and not scored. *changed* is the mean over the changes, *least* the worst of them.

These are val frames, to choose recipes by, and no substitute for frames of other cameras, whose streets differ too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg import api, checkpoint
from cityseg.data.augment import blur, recolor
from cityseg.data.batches import DeviceSplit
from cityseg.engine.evaluate import evaluate
from cityseg.labels import IGNORE_INDEX
from cityseg.metrics import summarize

Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""((N, 3, H, W) float32 photos in 0 to 255, (N, H, W) uint8 train ids) -> both, changed."""

_BATCH = 50
_GREY = 127.5


def _light(
    x: Tensor,
    y: Tensor,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> tuple[Tensor, Tensor]:
    amounts = [torch.full((len(x),), amount) for amount in (brightness, contrast, saturation, 0.0)]
    return recolor(x, *amounts) * torch.tensor(balance)[:, None, None], y


def _blurred(x: Tensor, y: Tensor, *, sigma: float) -> tuple[Tensor, Tensor]:
    return blur(x, torch.full((len(x),), sigma), sigma), y


def _noisy(x: Tensor, y: Tensor, *, deviation: float) -> tuple[Tensor, Tensor]:
    return x + 255 * deviation * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), y


def _seen(x: Tensor, y: Tensor, *, zoom: float = 1.0, down: float = 0.0) -> tuple[Tensor, Tensor]:
    """Look through a lens ``zoom`` times as long, tilted ``down`` by that share of the frame's height."""
    view = torch.tensor([[1 / zoom, 0, 0], [0, 1 / zoom, 2 * down]]).expand(len(x), 2, 3)
    grid = F.affine_grid(view, list(x.shape), align_corners=False)
    photos = F.grid_sample(x - _GREY, grid, align_corners=False) + _GREY
    labels = F.grid_sample(y[:, None].float() - IGNORE_INDEX, grid, mode="nearest", align_corners=False) + IGNORE_INDEX
    return photos, labels[:, 0].byte()


CHANGES: dict[str, Change] = {
    "dark": partial(_light, brightness=-0.65),
    "bright": partial(_light, brightness=0.6),
    "flat": partial(_light, contrast=-0.5),
    "harsh": partial(_light, contrast=0.6),
    "warm": partial(_light, balance=(1.2, 1.0, 0.75)),
    "cool": partial(_light, balance=(0.8, 1.0, 1.25)),
    "grey": partial(_light, saturation=-0.9),
    "vivid": partial(_light, saturation=1.0),
    "blur": partial(_blurred, sigma=1.0),
    "noise": partial(_noisy, deviation=0.06),
    "long lens": partial(_seen, zoom=1.6),
    "short lens": partial(_seen, zoom=0.65),
    "tilted up": partial(_seen, down=-0.15),
    "tilted down": partial(_seen, down=0.15),
}


def main() -> None:
    """Print a line per model and change."""
    parser = argparse.ArgumentParser(description="Macro F1 on val, photos changed as by other cameras.")
    parser.add_argument("data", help="the dataset whose val split is changed")
    parser.add_argument("--model", action="append", help="MODEL, any number of times; all shipped ones by default")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    names = words.model or [result.id for result in api.list_results() if result.source == "shipped"]
    measured = {}
    for name in names:
        measured[name] = scores = measure(name, words.data)
        changed = {change: score for change, score in scores.items() if change != "as it is"}
        if not words.json:
            print(
                f"{name:14} as it is {scores['as it is']:.3f}   changed {sum(changed.values()) / len(changed):.3f}   "
                f"least {min(changed.values()):.3f} ({min(changed, key=lambda change: changed[change])})"
            )
            print("   " + "   ".join(f"{change} {score:.3f}" for change, score in changed.items()))
    if words.json:
        print(json.dumps(measured, indent=1))


def measure(name: str, data: str) -> dict[str, float]:
    """Return macro F1 of one model by change, ``as it is`` first."""
    model, card = checkpoint.load(api.find_result(name).run.checkpoint)
    split = DeviceSplit(api.prepare(data, card.image_size)["val"], torch.device("cpu"))
    photos, labels = split.photos, split.labels
    scores = {}
    for change, apply in {"as it is": _light, **CHANGES}.items():
        parts = [
            apply(x.permute(0, 3, 1, 2).float(), y)
            for x, y in zip(photos.split(_BATCH), labels.split(_BATCH), strict=True)
        ]
        split.photos = torch.cat([x for x, _ in parts]).clamp(0, 255).round_().byte().permute(0, 2, 3, 1).contiguous()
        split.labels = torch.cat([y for _, y in parts])
        scores[change] = float(summarize(evaluate(model, split, card.normalization).confusions)["macro"]["f1"])
    return scores


if __name__ == "__main__":
    main()
