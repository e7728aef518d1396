"""Every page opens with odd values in its URL: a view, or a sentence, never a traceback."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"
PAGES = ("overview", "dataset", "train", "compare", "inspect", "predict")
NAMES = "split city holds match least bright sort seed page frame tab view model photo by region columns also look find"
ODD = st.sampled_from(["9" * 5000, "best-1,best-1", "-1", "[x](https:evil.example)", "\x00", "../x", ",", "val", "²"])
# A page takes a second or more.
FEW = hypothesis.settings(max_examples=15, phases=[hypothesis.Phase.generate])


@pytest.mark.fuzz
@pytest.mark.parametrize("page", PAGES)
@FEW
@given(values=st.fixed_dictionaries(dict.fromkeys(NAMES.split(), ODD)))
def test_a_page_opens_with_odd_values_in_its_url(workplace, page, values):
    app = AppTest.from_file(str(APP), default_timeout=300)
    for name, value in values.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception[0].message


@pytest.mark.fuzz
@pytest.mark.parametrize("spec", ["~nobody/x", "x" * 5000, "a\x00b", "/dev/zero", "[x](https:evil.example)"])
def test_a_page_opens_with_odd_data(workplace, spec):
    app = AppTest.from_file(str(APP), default_timeout=300)
    app.query_params["data"] = spec
    app.switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception[0].message
