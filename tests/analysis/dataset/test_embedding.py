from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from cityseg.analysis.dataset import embedding


def clusters(frames: int = 60, channels: int = 12, seed: int = 0) -> np.ndarray:
    """Features around three directions."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(3, channels))
    return (centres[np.arange(frames) % 3] + 0.2 * random.normal(size=(frames, channels))).astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks that do not divide the number of frames."""
    monkeypatch.setattr(embedding, "_BLOCK", 7)


def test_neighbours_are_those_of_scikit_learn(small_blocks):
    features = clusters()
    distance, index = NearestNeighbors(n_neighbors=5, metric="cosine").fit(features).kneighbors()
    found = embedding.nearest(features, 5)
    np.testing.assert_array_equal(found.frames, index)
    np.testing.assert_allclose(1 - found.similarity, distance, atol=1e-6)
    np.testing.assert_allclose(embedding.isolation(found), distance[:, -1], atol=1e-6)


def test_similarities_of_one_frame():
    features = clusters()
    np.testing.assert_allclose(embedding.similarities(features, 4), cosine_similarity(features)[4], atol=1e-6)


def test_fewer_frames_than_neighbours():
    found = embedding.nearest(clusters(3), 10)
    assert found.frames.shape == (3, 2)
    assert [set(row) for row in found.frames.tolist()] == [{1, 2}, {0, 2}, {0, 1}]
    alone = embedding.nearest(clusters(1), 10)
    assert alone.frames.shape == (1, 0)
    assert embedding.isolation(alone).tolist() == [0]


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.98])
def test_near_duplicates_are_all_pairs_above_the_threshold(small_blocks, threshold):
    features = clusters(40)
    similarity = cosine_similarity(features)
    groups, among = np.arange(40) % 4, np.arange(40) < 9
    expected = [(i, j) for i in range(40) for j in range(i + 1, 40) if similarity[i, j] >= threshold]
    found = embedding.near_duplicates(features, threshold, 10_000)
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected
    assert found.total == len(expected)
    assert (np.diff(found.similarity) <= 0).all()
    np.testing.assert_allclose(found.similarity, similarity[found.first, found.second], atol=1e-6)
    first = embedding.near_duplicates(features, threshold, 3)
    assert (first.total, len(first.first)) == (len(expected), min(3, len(expected)))
    np.testing.assert_array_equal(first.similarity, found.similarity[:3])
    across = embedding.near_duplicates(features, threshold, 10_000, groups=groups, among=among)
    assert sorted(zip(across.first.tolist(), across.second.tolist(), strict=True)) == [
        (i, j) for i, j in expected if groups[i] != groups[j] and (among[i] or among[j])
    ]


def test_layout_keeps_neighbourhoods_and_is_reproducible():
    features = clusters(90)
    positions = embedding.layout(features)
    assert positions.shape == (90, 2)
    assert np.abs(positions).max() == 1
    np.testing.assert_array_equal(embedding.layout(features), positions)
    assert trustworthiness(embedding.unit(features), positions, n_neighbors=5) > 0.9
    # The scale of a frame's features says nothing about its direction.
    assert trustworthiness(embedding.unit(features), embedding.layout(features * 7), n_neighbors=5) > 0.9


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 6])
def test_layout_of_few_frames_is_finite(frames):
    positions = embedding.layout(clusters(frames))
    assert positions.shape == (frames, 2)
    assert np.isfinite(positions).all()


def test_layout_of_equal_frames_and_of_one_channel():
    assert not embedding.layout(np.ones((8, 4), np.float32)).any()
    signs = np.array([[1], [-1], [1], [-1], [1], [-1]], np.float32)
    assert np.isfinite(embedding.layout(signs)).all()


def test_large_sets_get_the_principal_components(monkeypatch):
    monkeypatch.setattr(embedding, "MOST_FRAMES", 20)
    features = clusters(30)
    rows = embedding.unit(features)
    _, _, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    expected = (rows - rows.mean(0)) @ axes[:2].T
    found = embedding.layout(features)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.abs(found), np.abs(expected) / scale, atol=1e-4)


def test_zero_features_resemble_nothing():
    features = np.array([[0, 0], [1, 0], [2, 0]], np.float32)
    assert embedding.similarities(features, 0).tolist() == [0, 0, 0]
    assert embedding.similarities(features, 1).tolist() == [0, 1, 1]
