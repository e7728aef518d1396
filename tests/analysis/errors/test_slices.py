"""Slices against plain selections; coverage of their intervals on the shipped models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.errors import slices
from cityseg.analysis.errors.ranking_metric import parse_metric
from cityseg.analysis.errors.slices import Slice
from cityseg.data.prepared.objects import Objects
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.errors import DataError, UsageError
from cityseg.runs import Run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def matrices() -> np.ndarray:
    """40 frames of four classes, each frame with its own share of errors."""
    rng = np.random.default_rng(5)
    counts = np.zeros((40, 19, 19), np.int64)
    for frame in counts:
        truth = rng.choice(4, 200, p=[0.6, 0.25, 0.1, 0.05])
        predicted = np.where(rng.random(200) < rng.random() * 0.6, rng.integers(0, 4, 200), truth)
        np.add.at(frame, (truth, predicted), 1)
    return counts


@pytest.fixture
def counted() -> SplitStatistics:
    """Eight frames in two cities; the objects of frame 3 lack a car, frame 4 holds a car and a large person."""
    frame = [0, 0, 1, 2, 3, 4, 4, 5, 6, 7]
    train_id = [13, 13, 13, 13, 0, 13, 11, 13, 13, 13]
    area = [10, 30, 40, 5, 900, 50, 450, 60, 70, 80]
    return SplitStatistics(
        frames=tuple("abcdefgh"),
        cities=("ulm",) * 3 + ("jena",) * 5,
        size=(10, 100),
        pixels=np.zeros((8, 19), np.int64),
        void=np.zeros(8, np.int64),
        brightness=np.array([10, 80, 20, 70, 30, 60, 40, 50.0]),
        contrast=np.arange(8, 0, -1.0),
        cells=np.zeros((20, 1, 1), np.int64),
        objects=Objects(np.array(frame), np.array(train_id, np.uint8), np.array(area)),
    )


def marked(names: str) -> np.ndarray:
    """Matrices that can be told apart: frame k of ``names`` has its letter's place in the alphabet as a count."""
    counts = np.zeros((len(names), 19, 19), np.int64)
    counts[:, 0, 0] = [ord(name) - ord("a") for name in names]
    return counts


def members(part: Slice) -> str:
    return "".join(sorted(chr(ord("a") + int(matrix[0, 0])) for matrix in part.matrices))


@pytest.mark.parametrize(
    ("kind", "train_id", "expected"),
    [
        ("city", None, {"jena": "defgh", "ulm": "abc"}),
        (
            "brightness",
            None,
            {
                "darkest third (3.9 to 12 % of white)": "ace",
                "middle third (16 to 24 % of white)": "fgh",
                "brightest third (27 to 31 % of white)": "bd",
            },
        ),
        (
            "contrast",
            None,
            {
                "flattest third (1 to 3 grey levels)": "fgh",
                "middle third (4 to 6 grey levels)": "cde",
                "third richest in contrast (7 to 8 grey levels)": "ab",
            },
        ),
        (
            "object size",
            13,
            {
                "smallest third (0.5 to 4 % of the frame)": "abc",
                "middle third (5 to 6 % of the frame)": "ef",
                "largest third (7 to 8 % of the frame)": "gh",
            },
        ),
        (
            "object size",
            None,
            {
                "smallest third (0.5 to 4 % of the frame)": "abc",
                "middle third (6 to 7 % of the frame)": "fg",
                "largest third (8 to 25 % of the frame)": "eh",
            },
        ),
    ],
)
def test_cuts(kind, train_id, expected, counted):
    # The result knows its frames in another order than the statistics do.
    names = "hgfedcba"
    parts = slices.cut(kind, marked(names), names, counted, train_id)
    assert {part.name: members(part) for part in parts} == expected
    for part in parts:
        assert "".join(sorted(names[place] for place in part.places)) == expected[part.name]
        assert slices.named(parts, part.name) is slices.named(parts, part.label) is part


def test_a_part_that_there_is_not_is_refused_with_those_there_are():
    whole, half = Slice("ulm", marked("ab"), np.array([0, 1])), Slice("top rows (0 to 9)", marked("ab"))
    with pytest.raises(UsageError) as refused:
        slices.named([whole, half], "jena")
    assert str(refused.value) == "expected a part of whole frames, one of ulm; found 'jena'"
    with pytest.raises(UsageError, match="one of ulm; found 'top rows'"):
        slices.named([whole, half], "top rows")


def test_frames_that_the_data_lacks_are_an_error(counted):
    with pytest.raises(DataError) as refused:
        slices.cut("city", marked("abz"), "abz", counted)
    assert str(refused.value) == (
        "expected the frames the result was measured on, found no z in the connected data; connect that data"
    )


COVERED = {"pixel accuracy": 0.99, "IoU of road": 0.99, "IoU of person": 0.95, "IoU of wall": 0.6, "macro F1": 0.99}
"""Scores, each with the least share of draws in which its interval must be given."""


@pytest.mark.parametrize("model", ["best-7", "better-1"])
def test_intervals_cover_the_score_of_all_frames(model):
    """Of 30 frames drawn from 250, a given 95 % interval holds the score of all 250 in at least 93 % of the draws."""
    matrices = Run(ROOT / "checkpoints" / model).confusions("test").matrices
    random = np.random.default_rng(4)
    draws = [matrices[random.choice(len(matrices), 30, replace=False)] for _ in range(60)]
    for words, least_given in COVERED.items():
        metric = parse_metric(words)
        (everything,) = slices.score_slices([Slice("all", matrices)], metric, resamples=10)
        found = [slices.score_slices([Slice("drawn", part)], metric, resamples=300)[0] for part in draws]
        given = [score for score in found if score.is_sure]
        held = sum(score.low <= everything.value <= score.high for score in given)
        assert len(given) >= least_given * len(draws), words
        assert held >= 0.93 * len(given), words
        assert all(score.reason.startswith("not given: ") for score in found if not score.is_sure), words


def test_macro_intervals_allow_for_classes_of_other_slices(matrices):
    measure = parse_metric("mean IoU")
    lacking = matrices.copy()
    lacking[:, 3], lacking[:, :, 3] = 0, 0
    places = np.arange(40)
    parts = [Slice("whole", matrices), Slice("without walls", lacking, places), Slice("band without walls", lacking)]
    _, frames, band = slices.score_slices(parts, measure)
    own = bootstrap.scores(lacking)["macro iou"]
    assert frames.value == band.value == own.value
    assert (band.low, band.high) == (own.low, own.high), "rows may lack a class for good"
    assert (frames.low, frames.high) == (pytest.approx(own.low * 3 / 4), pytest.approx((own.high * 3 + 1) / 4))
    (alone,) = slices.score_slices([Slice("without walls", lacking)], measure)
    assert alone.low == pytest.approx(own.low * 3 / 19), "of a lone slice nothing is known of the others"


def test_a_slice_is_scored_by_its_sum(matrices):
    (found,) = slices.score_slices([Slice("some", matrices[:12])], parse_metric("mean IoU"))
    cells = [(i, j) for i, j in np.ndindex(19, 19) for _ in range(matrices[:12].sum(0)[i, j])]
    assert found.value == pytest.approx(jaccard_score(*zip(*cells, strict=True), average="macro"))


def test_few_frames_have_a_score_but_no_interval(matrices):
    few, none = slices.score_slices([Slice("few", matrices[:9]), Slice("none", matrices[:0])], parse_metric("mean IoU"))
    assert few.value > 0
    assert not few.is_sure
    assert np.isnan(few.high)
    assert np.isnan(none.value)
    assert (none.frames, none.pixels) == (0, 0)


def test_one_frame_that_holds_most_of_the_class_leaves_no_interval(matrices):
    heavy = matrices.copy()
    heavy[7, 3, 3] = 10_000
    (found,) = slices.score_slices([Slice("all", heavy)], parse_metric("recall of wall"))
    assert found.frames >= slices.FEWEST_FRAMES
    assert found.value > 0.9
    assert np.isnan([found.low, found.high]).all()
    assert found.interval == "not given: one or two frames dominate"


def test_frames_without_the_class_do_not_count(matrices):
    without = matrices.copy()
    without[5:, 3], without[5:, :, 3] = 0, 0
    (found,) = slices.score_slices([Slice("all", without)], parse_metric("recall of wall"))
    assert found.frames == sum((m[3].sum() + m[:, 3].sum()) > 0 for m in without)
    assert not found.is_sure


def test_single_objects_are_scored_by_recall_alone():
    sizes = np.zeros((2, 3, 19, 19), np.int64)
    sizes[:, 0, 11, 11], sizes[:, 0, 11, 13] = 1, 3
    sizes[:, 2, 11, 11], sizes[:, 2, 13, 11] = 9, 40
    sizes[:, 1, 13, 11] = 7  # called person, but no medium person is there to be missed
    small, medium, large = slices.single_objects(sizes)
    assert (small.name, large.name) == (
        "small objects (below 0.1 % of the frame)",
        "large objects (from 1 % of the frame)",
    )
    measure = slices.recall_of(parse_metric("IoU of person"))
    assert measure == parse_metric("recall of person")
    scores = slices.score_slices([small, medium, large], measure)
    assert [score.value for score in scores[::2]] == [0.25, 1.0]
    assert np.isnan(scores[1].value)
    overall = slices.score_slices([small, medium, large], parse_metric("macro recall"))
    assert [score.value for score in overall] == [0.25, 0.0, 0.5]
    assert slices.recall_of(parse_metric("pixel accuracy")) == parse_metric("macro recall")


def test_rows_are_the_bands_of_all_frames():
    bands = np.arange(3 * 4 * 361).reshape(3, 4, 19, 19)
    parts = slices.rows(bands)
    assert [part.name for part in parts] == [
        "top quarter (farthest)",
        "upper middle",
        "lower middle",
        "bottom quarter (nearest)",
    ]
    np.testing.assert_array_equal(parts[2].matrices[1], bands[1, 2])
