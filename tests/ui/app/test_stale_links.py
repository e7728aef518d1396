"""Links to what does not exist, or no longer."""

from __future__ import annotations

import pytest

from tests.ui.pages import open_page, url_parameter


@pytest.fixture
def shipped_only(workplace):
    """An empty folder of runs, so that only the shipped models are listed."""


def test_a_link_to_a_deleted_result_says_what_is_shown(shipped_only):
    app = open_page("inspect", result="gone")
    assert [toast.value for toast in app.toast] == [
        "The link names result `gone`, not found here. Shown instead: `best-7`."
    ]
    assert url_parameter(app, "result") == "best-7"
    app.run()
    assert not app.toast


def test_a_comparison_names_the_results_that_are_gone(shipped_only):
    app = open_page("compare", runs="gone,best-5,lost")
    assert [toast.value for toast in app.toast] == [
        "The link names runs `gone`, `lost`, not found here. Shown instead: `best-5`."
    ]


def test_a_change_of_page_is_no_link(shipped_only):
    app = open_page("inspect", result="best-5")
    app.query_params.clear()
    app.switch_page("pages/compare.py").run()
    app.query_params.clear()
    app.switch_page("pages/inspect.py").run()
    assert not app.toast


def test_a_whole_link_is_followed_without_a_word(shipped_only):
    assert not open_page("inspect", result="best-5").toast
