from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from cityseg.analysis.comparison.bootstrap import METRICS, OVERALL, Estimate, compare, pair, scores
from cityseg.classes import CLASS_NAMES
from cityseg.errors import DataError
from cityseg.metrics import summarize
from cityseg.runs import Run

SHIPPED = Path(__file__).parents[3] / "checkpoints"
MACROS = tuple(f"macro {metric}" for metric in METRICS)

CAR, TRAIN = CLASS_NAMES.index("car"), CLASS_NAMES.index("train")


def matrices(frames: int, seed: int, skill: float = 3.0, classes: int = 19) -> np.ndarray:
    """Per-frame counts of a model that is right more often the larger ``skill``; classes differ in frequency."""
    random = np.random.default_rng(seed)
    truth = np.random.default_rng(99).poisson(np.geomspace(200, 2, classes), (frames, classes))
    counts = np.zeros((frames, 19, 19), np.int64)
    for frame in range(frames):
        for name in range(classes):
            odds = random.gamma(1.0, 1.0, classes)
            odds[name] *= classes * skill
            counts[frame, name, :classes] = random.multinomial(truth[frame, name], odds / odds.sum())
    return counts


def pixels(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.divmod(np.repeat(np.arange(361), counts.sum(0).ravel()), 19)
    return truth, predicted


def test_scores_are_scikit_learns() -> None:
    first, second = matrices(12, 1), matrices(12, 2, 6.0)
    found = compare(first, second, resamples=50)
    for side, counts in (("first", first), ("second", second)):
        truth, predicted = pixels(counts)
        functions = {"precision": precision_score, "recall": recall_score, "f1": f1_score, "iou": jaccard_score}
        for metric, function in functions.items():
            options = {"labels": range(19), "zero_division": 0}
            expected = function(truth, predicted, average=None, **options)
            scores = [getattr(estimate, side) for estimate in found.classes(metric).values()]
            assert scores == pytest.approx(expected, abs=1e-12)
            for average in ("macro", "weighted"):
                expected = function(truth, predicted, average=average, **options)
                assert getattr(found.overall[f"{average} {metric}"], side) == pytest.approx(expected, abs=1e-12)
        summary = summarize(counts)
        assert getattr(found.overall["samples dice"], side) == pytest.approx(summary["samples_dice"], abs=1e-6)
        assert getattr(found.overall["pixel accuracy"], side) == pytest.approx((truth == predicted).mean())
    assert set(found.overall) == set(OVERALL)
    assert found.classes("dice") == found.classes("f1")
    assert found.macro("dice") == found.macro("f1")


def test_intervals_are_those_of_a_plain_loop() -> None:
    """Written out frame by frame: draws, percentiles, jackknife, and the stretching with Student's quantile."""
    from scipy import stats

    first, second = matrices(40, 1), matrices(40, 2, 4.0)
    estimate = compare(first, second, resamples=300, seed=5).classes("iou")["car"]

    def iou(counts: np.ndarray) -> float:
        total = counts.sum(0)
        return total[CAR, CAR] / (total[CAR].sum() + total[:, CAR].sum() - total[CAR, CAR])

    draws = np.random.default_rng(5).integers(0, 40, (300, 40))
    drawn = [iou(second[draw]) - iou(first[draw]) for draw in draws]
    point = iou(second) - iou(first)
    rest = [np.delete(np.arange(40), frame) for frame in range(40)]
    jackknife = np.array([iou(second[kept]) - iou(first[kept]) for kept in rest])
    squares = (jackknife - jackknife.mean()) ** 2
    n = squares.sum() ** 2 / (squares**2).sum()
    stretch = np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975)
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert estimate.difference == pytest.approx(point)
    assert estimate.low == pytest.approx(point - stretch * (point - low))
    assert estimate.high == pytest.approx(point + stretch * (high - point))


def test_clear_differences_have_a_verdict_in_both_directions_and_repeat() -> None:
    weak, strong = matrices(60, 1, 1.0), matrices(60, 2, 8.0)
    found, again, turned = compare(weak, strong), compare(weak, strong), compare(strong, weak)
    assert found == again
    for metric in METRICS:
        assert found.macro(metric).verdict == "better"
        assert turned.macro(metric).verdict == "worse"
        assert turned.macro(metric).low == pytest.approx(-found.macro(metric).high)


def test_equal_absent_and_rare_classes_have_no_verdict() -> None:
    first, second = matrices(30, 1, classes=16), matrices(30, 2, 9.0, classes=16)
    second[:, CAR] = first[:, CAR]
    second[:, :, CAR] = first[:, :, CAR]
    first[3, TRAIN, 0] = 500
    second[3, TRAIN, TRAIN] = 500
    first[:, 17, :] = second[:, 17, :] = 0
    second[0, 0, 18] = 40
    found = compare(first, second).classes("recall")
    rare = found["train"]
    assert (rare.difference, rare.frames, rare.verdict) == (1.0, 1, "can't tell"), "one frame proves nothing"
    assert np.isnan(rare.low)
    assert (found["car"].low, found["car"].high, found["car"].verdict) == (0.0, 0.0, "can't tell")
    assert found["motorcycle"].frames == 0
    assert np.isnan(found["motorcycle"].difference)
    alone = found["bicycle"]
    assert np.isnan(alone.first)
    assert alone.second == 0
    assert alone.verdict == "can't tell"


@pytest.mark.parametrize("frames", [30, 120])
def test_without_a_true_difference_a_verdict_is_rare(frames: int) -> None:
    """Two models of unequal skill swap frames at random: on each score a verdict comes in at most 7 % of trials."""
    random = np.random.default_rng(7)
    population = np.stack([matrices(200, 1, 2.0), matrices(200, 2, 5.0)])
    population[:, ::9] *= 12  # large frames that weigh more
    trials = 500
    said: dict[str, int] = {}
    for _ in range(trials):
        draw, swapped = random.integers(0, 200, frames), random.integers(0, 2, frames)
        found = compare(population[swapped, draw], population[1 - swapped, draw], resamples=400)
        estimates: dict[str, Estimate] = {**found.overall, **{f"iou {k}": v for k, v in found.classes("iou").items()}}
        for name, estimate in estimates.items():
            said[name] = said.get(name, 0) + (estimate.verdict != "can't tell")
    # 7 %, and three standard errors of so many trials at 7 %.
    too_often = {name: count / trials for name, count in said.items() if count / trials > 0.07 + 0.034}
    assert not too_often
    assert np.mean(list(said.values())) / trials <= 0.07
    assert max(said.values()) > 0, "verdicts that never come would prove nothing"


def test_pairs_hold_the_frames_of_both_in_one_order() -> None:
    counts = matrices(3, 1)
    names, ours, theirs = pair(("a", "b", "c"), counts, ("c", "x", "a"), counts + 1)
    assert names == ("a", "c")
    assert np.array_equal(ours, counts[[0, 2]])
    assert np.array_equal(theirs, counts[[2, 0]] + 1)
    with pytest.raises(DataError, match="expected frames that both results were measured on, found none"):
        pair(("a",), counts[:1], ("b",), counts[:1])


def test_a_score_alone_is_its_difference_from_nothing() -> None:
    """A result that has every pixel wrong has no precision, recall, F1 or IoU; the difference from it is the score."""
    counts = matrices(40, 1)
    nothing = np.zeros_like(counts)
    nothing[:, np.arange(19), (np.arange(19) + 1) % 19] = counts.sum(2)
    found, against = scores(counts), compare(nothing, counts)
    for metric in METRICS:
        for name in CLASS_NAMES:
            estimate, alone = against.per_class[metric][name], found[f"{metric} {name}"]
            assert alone.value == pytest.approx(estimate.second, abs=1e-12)
    assert found["macro f1"].value == pytest.approx(against.overall["macro f1"].second, abs=1e-12)
    assert found["macro f1"].low < found["macro f1"].value < found["macro f1"].high


@pytest.mark.parametrize("name", ["iou car", "recall road", "pixel accuracy", "macro f1"])
def test_intervals_of_scores_are_those_of_a_plain_loop(name: str) -> None:
    """Written out draw by draw: empirical logit, reversed percentiles, stretching, and half an unknown frame."""
    from scipy import stats

    counts = matrices(40, 1)

    def class_score(total: np.ndarray, metric: str, index: int) -> float:
        hits, truth, called = total[index, index], total[index].sum(), total[:, index].sum()
        over, under = {
            "recall": (hits, truth),
            "iou": (hits, truth + called - hits),
            "f1": (2 * hits, truth + called),
        }[metric]
        return over / under

    def pixels_of(metric: str, index: int) -> np.ndarray:
        hits, truth, called = counts[:, index, index], counts[:, index].sum(1), counts[:, :, index].sum(1)
        return {"recall": truth, "iou": truth + called - hits, "f1": truth + called}[metric]

    def score(chosen: np.ndarray) -> float:
        total = counts[chosen].sum(0)
        if name == "pixel accuracy":
            return np.trace(total) / total.sum()
        metric, label = name.split(" ")[::-1] if name.startswith("macro") else name.split(" ")
        if label == "macro":
            return np.mean([class_score(total, metric, index) for index in range(19)])
        return class_score(total, metric, CLASS_NAMES.index(label))

    def kish(pixels: np.ndarray) -> float:
        return pixels.sum() ** 2 / (pixels**2).sum()

    def unknown(share: float, k: float) -> float:
        shrunk = (share * k + 0.5) / (k + 1)
        return 0.5 * shrunk * (1 - shrunk) / k**2

    everything = np.arange(40)
    value = score(everything)
    if name in ("pixel accuracy", "macro f1"):
        k = kish(counts.sum((1, 2)))
    else:
        k = kish(pixels_of(name.split(" ")[0], CLASS_NAMES.index(name.split(" ")[1])))
    variance = unknown(value, k)
    if name == "macro f1":
        total = counts.sum(0)
        variance = sum(unknown(class_score(total, "f1", i), kish(pixels_of("f1", i))) for i in range(19)) / 19**2

    def scale(share: float) -> float:
        return float(np.log((share * k + 0.5) / ((1 - share) * k + 0.5)))

    drawn = np.percentile([score(draw) for draw in np.random.default_rng(5).integers(0, 40, (300, 40))], [2.5, 97.5])
    jackknife = np.array([score(np.delete(everything, frame)) for frame in everything])
    squares = (jackknife - jackknife.mean()) ** 2
    n = max(squares.sum() ** 2 / (squares**2).sum(), 2.5)
    stretch = np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975)
    slope = (scale(value + 1e-6) - scale(value - 1e-6)) / 2e-6
    extra = stats.norm.ppf(0.975) * np.sqrt(variance) * slope
    ends = [
        scale(value) - stretch * np.hypot(scale(drawn[1]) - scale(value), extra),
        scale(value) + stretch * np.hypot(scale(value) - scale(drawn[0]), extra),
    ]
    expected = [np.clip((1 / (1 + np.exp(-end)) * (k + 1) - 0.5) / k, 0, 1) for end in ends]
    found = scores(counts, resamples=300, seed=5)[name]
    assert found.value == pytest.approx(value)
    assert [found.low, found.high] == pytest.approx(expected, abs=1e-6)


def test_intervals_are_withheld_where_one_or_two_frames_dominate() -> None:
    counts = matrices(60, 1, classes=17)
    counts[0, TRAIN, TRAIN], counts[1, TRAIN, 0] = 90_000, 60_000
    found = scores(counts)
    assert found["recall train"].value == pytest.approx(0.6, abs=0.01)
    assert np.isnan([found["recall train"].low, found["recall train"].high]).all()
    assert found["recall train"].reason == "not given: one or two frames dominate"
    assert found["recall motorcycle"].reason == "no score"
    assert (found["iou car"].reason, found["iou car"].low < found["iou car"].high) == ("", True)
    assert all(np.isnan(score.value) and score.reason == "no score" for score in scores(counts[:0]).values())


def test_a_class_that_is_never_hit_may_still_be_hit_in_other_frames() -> None:
    counts = matrices(60, 1)
    counts[:, CAR, 0] += counts[:, CAR, CAR]
    counts[:, CAR, CAR] = 0
    found = scores(counts)["recall car"]
    assert (found.value, found.low) == (0, 0)
    assert 0 < found.high < 0.1
    assert scores(counts[:20])["recall car"].high > found.high


def test_a_macro_mean_allows_for_classes_that_its_frames_lack() -> None:
    counts = matrices(60, 1, classes=16)
    lacking = np.arange(19) < 18
    plain, wide = scores(counts), scores(counts, classes=lacking)
    for name in MACROS:
        own, allowing = plain[name], wide[name]
        assert allowing.value == own.value
        assert allowing.low == pytest.approx(own.low * 16 / 18)
        assert allowing.high == pytest.approx((own.high * 16 + 2) / 18)
    assert all(repr(plain[name]) == repr(wide[name]) for name in plain if name not in MACROS)


@pytest.mark.parametrize(
    ("model", "split", "replace"),
    [("best-7", "test", False), ("best-7", "test", True), ("best-3", "val", True), ("better-1", "test", False)],
)
def test_intervals_hold_the_score_of_all_frames(model: str, split: str, replace: bool) -> None:
    """Slices of a shipped model's frames, drawn 150 times each: 0.93 of the intervals given hold the split's score.

    Of the 86 scores at each size, 2 % may fall below by the chance of 150 draws.
    """
    frames = Run(SHIPPED / model).confusions(split).matrices
    whole = scores(frames, resamples=2)
    random = np.random.default_rng(3)
    held: dict[str, list[list[bool]]] = {name: [] for name in whole}
    for size in (15, 30, 84):
        draws = [
            scores(frames[random.choice(len(frames), size, replace)], classes=np.ones(19, bool), resamples=400)
            for _ in range(150)
        ]
        for name, truth in whole.items():
            given = [draw[name] for draw in draws if draw[name].reason == ""]
            held[name].append([each.low <= truth.value <= each.high for each in given])
    for name in ("pixel accuracy", *MACROS, "iou road", "iou person", "iou wall", "iou truck"):
        assert np.mean(np.concatenate(held[name])) >= 0.93, name
    for name in ("pixel accuracy", *MACROS, "iou road", "iou sidewalk", "iou building"):
        assert [len(given) for given in held[name]] == [150] * 3, f"{name} is withheld without need"
    shares = [np.mean(given) for sizes in held.values() for given in sizes if len(given) >= 15]
    assert np.mean(np.array(shares) < 0.93) <= 0.02
