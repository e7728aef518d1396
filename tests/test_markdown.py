"""Foreign words in Markdown, checked with a parser and with the patterns that Streamlit's page looks for afterwards."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cityseg.markdown import code, escape, one_line

HOSTILE = (
    "x [Your session has ended: sign in again](https:evil.example)",
    "![picture](https://evil.example/x.png)",
    "<img src=https://evil.example/x.png> <script>alert(1)</script> <https://evil.example>",
    "https://evil.example www.evil.example mail@evil.example //evil.example",
    "[a]: https://evil.example",
    "$x$ $$y$$ :material/home: :red[x] :red-badge[x] :smile: :100: :+1: :streamlit: :small[x]",
    "**bold** __bold__ *a* _a_ ~~gone~~ `code` a_b_c |table| a \\* b &lt; &#60;",
    "# title",
    "1. one",
    "10) ten",
    "- one",
    "+ one",
    "> quote",
    "===",
    "---",
    "    indented",
    "line\n\n- one\n\n![x](https://evil.example)\r\n# title\u2028x\x00\x85",
    "```\ncode",
    "a -> b <- c -- d >= e",
    "\ud800 lone",
    "C:\\data\\[new]",
)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# What Streamlit replaces in the text of a parsed page: GitHub's bare addresses, emoji, icons and arrows.
REPLACED = re.compile(
    r"https?://|www\.|[-.\w+]@[-\w]|:[\w+-]+:|:material/|:[A-Za-z]|(?:^|\s)(?:<->|->|<-|--|>=|<=|~=)(?:\s|$)", re.I
)
PIECES = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.sampled_from(list("[](){}<>*_~`$#!|\\:/&;.-+=> \n\t1a")), st.text())
)


def shown(markdown: str) -> str:
    """Return the text of one plain paragraph, and fail if there is anything else in it."""
    tokens = PARSER.parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"], markdown
    children = tokens[1].children or []
    kinds = {child.type for child in children} - {"text", "text_special", "strong_open", "strong_close"}
    assert not kinds, (markdown, kinds)
    text = "".join(child.content for child in children)
    assert not REPLACED.search(text), markdown
    return text.replace("\u2060", "")


def check(word: str) -> None:
    plain = one_line(word).replace("\u2060", "")
    if plain:
        assert shown(escape(word)) == plain
    assert " ".join(shown(f"**Name** {escape(word)} end").split()) == " ".join(f"Name {plain} end".split())
    (inline,) = PARSER.parseInline(f"see {code(word)}.")
    text, span, end = inline.children or []
    assert (text.content, span.type, span.content.strip(), end.content) == ("see ", "code_inline", one_line(word), ".")


@pytest.mark.parametrize("word", HOSTILE)
def test_foreign_words_are_plain_text(word):
    check(word)


@settings(max_examples=200, deadline=None)
@given(PIECES.map("".join))
def test_any_word_is_plain_text(word):
    check(word)


@pytest.mark.fuzz
@settings(max_examples=10_000, deadline=None)
@given(PIECES.map("".join))
def test_ten_thousand_words_are_plain_text(word):
    check(word)


@pytest.mark.parametrize(
    "word", ["aachen_000000_000019", "best-live", "a path/of some (kind).jpg", "12:30, 64 x 48 px"]
)
def test_ordinary_words_are_unchanged(word):
    assert escape(word) == word


def test_brackets_are_closed_inside_directives():
    assert escape("a] :red[b") == "a\\] :\u2060red\\[b"
