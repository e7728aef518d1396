"""Distribution shift of a photo: its percentile among the val frames of a model, trait by trait.

A model predicts something for any image. Whether to rely on it depends on how far the image lies from the data the
model was selected on: in lighting, in the mix of predicted classes and in the model's uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import rel_entr

from cityseg.runs import SplitDetail

TraitName = Literal["brightness", "contrast", "class mix", "entropy"]
_LOW, _HIGH = 5.0, 95.0


@dataclass(frozen=True)
class Trait:
    """One measured property of a photo among those of the val frames."""

    name: TraitName  # of the property
    value: float  # per cent of white for brightness and contrast, per cent of the largest possible value for the others
    percentile: float  # share of val frames below, 0 to 100; ties count half
    low: float  # 5th and 95th percentile of the val frames
    high: float  # 5th and 95th percentile of the val frames
    verdict: str  # completes the sentence "this photo ..." if the value lies outside `low` to `high`; else empty


@dataclass(frozen=True)
class DistributionShift:
    """All traits of a photo."""

    frames: int  # number of val frames it is compared with
    traits: tuple[Trait, ...]  # brightness, contrast, class mix, entropy
    sentence: str  # summary of the traits

    @property
    def in_distribution(self) -> bool:
        """Whether no trait is unusual."""
        return not any(trait.verdict for trait in self.traits)


def mix_distance(shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance of (..., 19) class shares to (19,) ones, from 0 (equal) to 1 (disjoint).

    J. Lin: Divergence Measures Based on the Shannon Entropy (IEEE Trans. Information Theory, 1991); its square root, to
    base 2. Shares sum to 1.
    """
    middle = (shares + reference) / 2
    divergence = (rel_entr(shares, middle).sum(-1) + rel_entr(reference, middle).sum(-1)) / (2 * np.log(2))
    distance: np.ndarray = np.sqrt(np.clip(divergence, 0, 1))
    return distance


def measure_shift(
    val: SplitDetail, light: tuple[float, float], shares: np.ndarray, entropy: float
) -> DistributionShift:
    """Compare a photo with the stored statistics of the val frames.

    Args:
        val: of the val split.
        light: mean and standard deviation of the photo's luma, 0 to 255, at the model's size.
        shares: (19,) predicted class shares of the photo, summing to 1.
        entropy: mean over the photo, 0 to 1.
    """
    counts = val.predicted.astype(np.float64)
    mixes = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    mean_mix = counts.sum(0) / max(counts.sum(), 1)
    brightness, contrast = val.light.T / 2.55
    traits = (
        _trait("brightness", light[0] / 2.55, brightness, "is unusually dark", "is unusually bright"),
        _trait("contrast", light[1] / 2.55, contrast, "has unusually low contrast", "has unusually high contrast"),
        _trait(
            "class mix",
            100 * float(mix_distance(shares, mean_mix)),
            100 * mix_distance(mixes, mean_mix),
            above="has an unusual mix of predicted classes",
        ),
        _trait("entropy", 100 * entropy, 100 * val.entropy, above="leaves the model unusually uncertain"),
    )
    return DistributionShift(len(val.frames), traits, _sentence(traits, len(val.frames)))


def _trait(name: TraitName, value: float, val: np.ndarray, below: str = "", above: str = "") -> Trait:
    low, high = (float(edge) for edge in np.percentile(val, (_LOW, _HIGH)))
    percentile = 100 * float(((val < value).mean() + (val <= value).mean()) / 2)
    return Trait(name, float(value), percentile, low, high, below if value < low else above if value > high else "")


def _sentence(traits: tuple[Trait, ...], frames: int) -> str:
    unusual = [trait for trait in traits if trait.verdict]
    if not unusual:
        return f"Nothing measured about this photo is unusual among the {frames:,} val frames."
    *others, last = (trait.verdict for trait in unusual)
    verdicts = f"{', '.join(others)} and {last}" if others else last
    outside = any(trait.percentile in (0.0, 100.0) for trait in unusual)
    advice = (
        "It lies outside the range of all val frames: do not rely on the prediction."
        if outside
        else "Check the prediction with care."
    )
    return f"Compared with the {frames:,} val frames, this photo {verdicts}. {advice}"
