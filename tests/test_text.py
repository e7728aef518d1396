from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cityseg.text import folder_name, home_expanded, quoted, whole_number

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


@given(ANY_TEXT)
@example("../../escaped")
@example("/any/x")
@example("x" * 300)
def test_a_folder_name_is_one_part_of_a_path_that_any_file_system_accepts(text):
    name = folder_name(text)
    assert len(name.encode()) <= 100
    assert name == "" or Path(name).name == name
    assert not name.startswith((".", "-"))
    assert folder_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../escaped", "escaped"),
        ("/any/x", "any-x"),
        ("..", ""),
        ("my run", "my-run"),
        ("日本", ""),
        ("a.b_c-1", "a.b_c-1"),
    ],
)
def test_folder_names(text, name):
    assert folder_name(text) == name


@given(st.integers() | ANY_TEXT | st.floats() | st.lists(ANY_TEXT, max_size=3), st.integers(10, 90))
def test_a_quote_is_bounded(value, most):
    text = quoted(value, most)
    assert len(text) <= most
    assert "\n" not in text
    assert text.isprintable()


def test_values_that_have_no_repr_are_named_by_their_type():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert (quoted(10**5000), quoted(nested)) == ("<int>", "<list>")


@given(ANY_TEXT | st.integers().map(str))
def test_whole_numbers_are_read_or_refused(text):
    number = whole_number(text)
    assert number is None or 0 <= number < 10**18


@pytest.mark.parametrize(("text", "number"), [("12", 12), ("9" * 5000, None), ("²", None), ("-1", None), ("", None)])
def test_whole_numbers(text, number):
    assert whole_number(text) == number


def test_a_home_of_nobody_stays_as_it_is(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert home_expanded("~/streets") == Path("/home/me/streets")
    assert home_expanded("~nobody-here/x") == Path("~nobody-here/x")
