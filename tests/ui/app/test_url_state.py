from __future__ import annotations

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg.analysis.dataset.frame_table import FULL_BRIGHTNESS
from cityseg.ui.app import history, url_state
from cityseg.ui.dataset import filters

OPTIONS = ["best-1", "best-2", "aachen_000000_000019"]
ODD = (
    st.sampled_from([*OPTIONS, "best-1,best-1", ",", "", "9" * 5000, "-1", "0-255", "²", "NaN", "~nobody/x", "../x"])
    | st.text(max_size=20)
    | st.lists(st.sampled_from(OPTIONS) | st.text(max_size=3), max_size=5).map(",".join)
)
PARAMETERS = ("split", "city", "holds", "match", "least", "bright", "sort", "seed")


@pytest.fixture
def page(monkeypatch):
    """Start a session with a URL; return its state."""

    def begin(address: dict[str, str]) -> dict[str, object]:
        fake = types.SimpleNamespace(session_state={}, query_params=dict(address), toast=lambda *_, **__: None)
        monkeypatch.setattr(url_state, "st", fake)
        monkeypatch.setattr(history, "st", fake)
        return fake.session_state

    return begin


@pytest.mark.parser
@given(ODD, st.none() | st.integers(-10, 10) | ODD)
def test_any_link_chooses_an_option(page, text, requested):
    state = page({"frame": text})
    if requested is not None:
        state["key requested"] = requested
    value = url_state.settle("key", "frame", OPTIONS, OPTIONS[0])
    assert value in OPTIONS
    if requested is None:
        assert value == (text if text in OPTIONS else OPTIONS[0])


@pytest.mark.parser
@given(ODD)
def test_any_link_chooses_several_different_options(page, text):
    page({"model": text})
    values = url_state.settle_several("key", "model", OPTIONS, OPTIONS[:1])
    assert values
    assert set(values) <= set(OPTIONS)
    assert len(set(values)) == len(values)


@pytest.mark.parser
@given(st.dictionaries(st.sampled_from(PARAMETERS), ODD))
def test_any_link_is_a_filter_of_frames(address):
    found = filters.from_address(address, ["aachen", ""])
    assert 0 <= found.seed <= 9999
    assert FULL_BRIGHTNESS[0] <= found.brightness[0] <= found.brightness[1] <= FULL_BRIGHTNESS[1]
    assert filters.from_address(address, ["aachen", ""]) == found


@pytest.mark.parametrize(("text", "seed"), [("12", 12), ("99999", 9999), ("9" * 5000, 0), ("-1", 0), ("x", 0)])
def test_seeds_in_links(text, seed):
    assert filters.parse_seed(text) == seed
