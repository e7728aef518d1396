"""The model whose encoder lays out the map, and the stored map of the connected data."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st

from cityseg import api
from cityseg.analysis.dataset import embedding
from cityseg.analysis.dataset.embedding import Neighbours
from cityseg.api import Result
from cityseg.api.types import CachedSplit, FeatureMap, Split, weights_version
from cityseg.ui.app import cache, history
from cityseg.ui.common.url_choice import choose_option

_KEY, _PARAMETER = "data_map_model", "model"


@dataclass(frozen=True)
class LoadedMap:
    """A stored map with what is computed from it once for all sessions."""

    stored: FeatureMap
    key: Hashable
    """Identifies weights and frames, for further caches."""

    @cached_property
    def neighbours(self) -> Neighbours:
        """The nearest frames of every frame."""
        return embedding.nearest(self.stored.features, embedding.OUTLIER_RANK)

    @cached_property
    def isolation(self) -> np.ndarray:
        """(N,) float32 distance of every frame to the last of these."""
        return embedding.isolation(self.neighbours)


def models(spec: str) -> list[Result]:
    """Return the models that can be chosen, best first."""
    return api.usable_models(cache.results(), cache.connected_data(spec))


def choose(spec: str) -> str | None:
    """Show the input for the model; return its id, None if there is no model."""
    ids = [each.id for each in models(spec)]
    if not ids:
        return None
    return choose_option(
        st.selectbox,
        "Model",
        ids,
        _KEY,
        _PARAMETER,
        omit_default=True,
        width=320,
        help="Frames are as similar as the features that this model's encoder computes from them.",
    )


def current(spec: str) -> str | None:
    """Return the model of the Map tab, which may not have been opened; None if there is no model."""
    ids = [each.id for each in models(spec)]
    chosen = history.read(_PARAMETER)
    return chosen if chosen in ids else next(iter(ids), None)


def load(model: str, spec: str, names: tuple[str, ...]) -> LoadedMap | None:
    """Return the stored map of the connected data, None if it is not computed; raises CitysegError for a bad model.

    ``names`` are the frames that the page shows. Files of the data may change meanwhile; a map of others is none.
    """
    folder = api.model_folder(model)
    prepared = cache.prepared(spec)
    key = str(folder), weights_version(folder), tuple(str(cached.folder) for cached in prepared.values())
    found = _load(*key, prepared)
    if found is None:
        # It may be computed at any time.
        _load.clear(*key)
        return None
    return found if found.stored.names == names else None


@st.cache_resource(show_spinner=False, max_entries=4)
def _load(folder: str, version: int, caches: tuple[str, ...], _prepared: dict[Split, CachedSplit]) -> LoadedMap | None:
    found = api.find_feature_map(folder, _prepared)
    return None if found is None else LoadedMap(found, (folder, version, caches))
