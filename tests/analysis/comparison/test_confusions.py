from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from cityseg.analysis.comparison import confusions
from cityseg.analysis.comparison.confusions import Normalisation
from cityseg.figures import theme
from cityseg.figures.confusion import confusion_change, confusion_heatmap

NORMALISED = {"truth": "true", "prediction": "pred"}


@pytest.fixture
def labels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth without class 18 and two predictions without class 17, (2000,) train ids each."""
    random = np.random.default_rng(8)
    truth = random.integers(0, 18, 2000)
    seen = [np.where(random.random(2000) < share, truth, random.integers(0, 17, 2000)) for share in (0.4, 0.7)]
    return truth, *(np.where(one == 17, 0, one) for one in seen)


def matrix(truth: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return confusion_matrix(truth, seen, labels=range(19))


@pytest.mark.parametrize("view", ["truth", "prediction"])
def test_shares_and_their_difference_are_scikit_learn_s(labels: tuple[np.ndarray, ...], view: Normalisation) -> None:
    truth, first, second = labels
    expected = [confusion_matrix(truth, seen, labels=range(19), normalize=NORMALISED[view]) for seen in (first, second)]
    found = confusions.confusion_difference(matrix(truth, first), matrix(truth, second), view)
    empty = [18] if view == "truth" else [17, 18]
    told = np.ones((19, 19), bool)
    told[(empty, slice(None)) if view == "truth" else (slice(None), empty)] = False
    np.testing.assert_allclose(found[told], (expected[1] - expected[0])[told], atol=1e-12)
    assert np.isnan(found[~told]).all()


def test_more_on_the_diagonal_is_better_and_more_off_it_is_worse() -> None:
    difference = np.array([[0.2, -0.2], [0.1, -0.1]])
    assert confusions.improvement(difference).tolist() == [[0.2, 0.2], [-0.1, -0.1]]


def test_pairs_are_the_largest_of_any_result_and_the_most_changed(labels: tuple[np.ndarray, ...]) -> None:
    truth, first, second = labels
    matrices = [matrix(truth, first), matrix(truth, second)]
    shares = [np.nan_to_num(m / np.maximum(1, m.sum(1, keepdims=True))) for m in matrices]
    off = ~np.eye(19, dtype=bool)
    largest = np.maximum(*shares)[off]
    pairs = confusions.largest_confusions(matrices, limit=5)
    assert [max(pair.shares) for pair in pairs] == pytest.approx(sorted(largest)[: -5 - 1 : -1])
    for pair in pairs:
        assert pair.shares == pytest.approx([share[pair.truth, pair.predicted] for share in shares])
    changes = np.abs(shares[1] - shares[0])[off]
    changed = confusions.changed_confusions(*matrices, limit=5)
    assert [abs(pair.shares[1] - pair.shares[0]) for pair in changed] == pytest.approx(sorted(changes)[: -5 - 1 : -1])
    assert confusions.changed_confusions(matrices[0], matrices[0]) == ()


def test_difference_figure_is_signed_and_blue_for_better() -> None:
    first, second = (np.diag(np.full(19, 100)) for _ in range(2))
    second[13, 13], second[13, 14] = 70, 30  # cars called truck: worse
    first[0, 0], first[0, 1] = 80, 20  # road called sidewalk before: better
    figure = confusion_change(first, second)
    cells = figure.data[0]
    assert cells.customdata[13][14] == "+30.0"
    assert cells.customdata[0][0] == "+20.0"
    assert cells.customdata[0][1] == "−20.0"
    z = np.array(cells.z, float)
    np.testing.assert_allclose([z[13, 14], z[13, 13], z[0, 0], z[0, 1]], [-30, -30, 20, 20])
    assert cells.zmin == -cells.zmax
    assert (cells.colorscale[0][1], cells.colorscale[-1][1]) == (theme.WORSE, theme.BETTER)
    numbers = {text for trace in figure.data[1:] for text in trace.text}
    assert numbers == {"+30", "−30", "+20", "−20"}


def test_the_precision_view_divides_by_columns(labels: tuple[np.ndarray, ...]) -> None:
    truth, first, _ = labels
    counts = matrix(truth, first)
    figure = confusion_heatmap(counts, view="prediction")
    np.testing.assert_allclose(np.array(figure.data[0].z, float)[:, 3], 100 * counts[:, 3] / counts[:, 3].sum())
    assert "of the pixels predicted as %{x} are %{y}" in figure.data[0].hovertemplate
