"""How far a photo is from what a model was chosen on: its place among the val frames, trait by trait.

A model says something about any picture. Whether that is worth much shows in what it was shown before: the light, the
mix of classes it finds, and how unsure it is, each as a percentile of the val frames.
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
    """One figure of a photo among those of the val frames.

    Attributes:
        name: which figure.
        value: per cent of white for light, per cent of the largest possible for the others.
        percentile: share of val frames that lie below, 0 to 100; equal ones count half.
        low: 5th percentile of the val frames.
        high: 95th percentile.
        verdict: what is unusual about it, in words that go on from "this photo"; empty where nothing is.
    """

    name: TraitName
    value: float
    percentile: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Familiarity:
    """All traits of a photo.

    Attributes:
        frames: val frames it is measured against.
        traits: brightness, contrast, class mix, entropy.
        sentence: what they say together.
    """

    frames: int
    traits: tuple[Trait, ...]
    sentence: str

    @property
    def is_familiar(self) -> bool:
        """Whether nothing about the photo is unusual."""
        return not any(trait.verdict for trait in self.traits)


def mix_distance(shares: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance between class shares, 0 for the same mix to 1 for nothing in common.

    J. Lin: Divergence Measures Based on the Shannon Entropy (IEEE Trans. Information Theory, 1991); its square root,
    to base 2.

    Args:
        shares: (..., 19), each adding up to 1.
        usual: (19,) adding up to 1.
    """
    middle = (shares + usual) / 2
    divergence = (rel_entr(shares, middle).sum(-1) + rel_entr(usual, middle).sum(-1)) / (2 * np.log(2))
    distance: np.ndarray = np.sqrt(np.clip(divergence, 0, 1))
    return distance


def familiarity(known: SplitDetail, light: tuple[float, float], shares: np.ndarray, entropy: float) -> Familiarity:
    """Place a photo among the val frames.

    Args:
        known: what was counted on val.
        light: mean and standard deviation of the photo's luma, 0 to 255, at the model's size.
        shares: (19,) what the model calls of the photo, adding up to 1.
        entropy: mean over the photo, 0 to 1.
    """
    counts = known.predicted.astype(np.float64)
    mixes = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    usual = counts.sum(0) / max(counts.sum(), 1)
    measured: list[tuple[TraitName, float, np.ndarray, str, str]] = [
        ("brightness", light[0] / 2.55, known.light[:, 0] / 2.55, "is unusually dark", "is unusually bright"),
        ("contrast", light[1] / 2.55, known.light[:, 1] / 2.55, "is unusually flat", "has unusually hard light"),
        (
            "class mix",
            100 * float(mix_distance(shares, usual)),
            100 * mix_distance(mixes, usual),
            "",
            "shows the model an unusual mix of classes",
        ),
        ("entropy", 100 * entropy, 100 * known.entropy, "", "leaves the model unusually unsure"),
    ]
    traits = tuple(_trait(*figures) for figures in measured)
    return Familiarity(len(known.frames), traits, _sentence(traits, len(known.frames)))


def _trait(name: TraitName, value: float, others: np.ndarray, below: str, above: str) -> Trait:
    low, high = (float(edge) for edge in np.percentile(others, (_LOW, _HIGH)))
    percentile = 100 * float(((others < value).mean() + (others <= value).mean()) / 2)
    verdict = below if value < low else above if value > high else ""
    return Trait(name, float(value), percentile, low, high, verdict)


def _sentence(traits: tuple[Trait, ...], frames: int) -> str:
    found = [trait for trait in traits if trait.verdict]
    if not found:
        return f"Nothing about this photo is unusual among the {frames:,} val frames."
    words = [trait.verdict for trait in found]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    beyond = any(trait.percentile in (0.0, 100.0) for trait in found)
    worth = (
        "It lies outside all that the model was chosen on: do not rely on the map."
        if beyond
        else ("Look at the map with care.")
    )
    return f"Against the {frames:,} val frames this photo {listed}. {worth}"
