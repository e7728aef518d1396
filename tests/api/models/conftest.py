"""Fixtures of the tests of averaged and published models: folders, a synthetic dataset, a short config."""

import pytest

from cityseg import api, config
from cityseg.config import presets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shipping")


@pytest.fixture(autouse=True)
def environment(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CITYSEG_CACHE", str(folder / "cache"))
    monkeypatch.setenv("CITYSEG_RUNS", str(folder / "runs"))


@pytest.fixture(scope="module")
def data(folder):
    api.synthesize(folder / "set", 8)
    return str(folder / "set")


@pytest.fixture(scope="module")
def short_config():
    settings = ["epochs=1", "batch_size=4", "image_size=32x64", "precision=float32"]
    return config.override(presets.preset("experiment-1"), settings)
