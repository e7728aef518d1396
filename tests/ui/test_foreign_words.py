"""No call that shows Markdown gets a foreign word that is not escaped."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import cityseg
from tests.ui.pages import open_page, words

PACKAGE = Path(cityseg.__file__).parent
SOURCES = sorted([*(PACKAGE / "ui").rglob("*.py"), *(PACKAGE / "demo").rglob("*.py")])
SHOW_MARKDOWN = frozenset(
    [
        "markdown",
        "caption",
        "info",
        "warning",
        "error",
        "success",
        "write",
        "toast",
        "subheader",
        "title",
        "header",
        "badge",
        "metric",
        "progress",
        "spinner",
        "button",
        "checkbox",
        "toggle",
        "expander",
        "popover",
        "status",
        "page_link",
        "download_button",
        "image",
        "choose_option",
        "metric_row",
        "suggest_training",
        "show_metric",
        "Markdown",
    ]
)
NO_MARKDOWN = frozenset(("key", "alt", "icon", "file_name", "mime", "args", "placeholder", "format_func"))
FOREIGN_NAMES = frozenset(
    [
        "error",
        "problem",
        "reason",
        "upload",
        "name",
        "names",
        "model",
        "models",
        "second",
        "candidate",
        "baseline",
        "chosen",
        "data",
        "frame",
        "run_id",
        "sentence",
        "line",
        "others",
        "missing",
        "left_out",
        "without",
        "holders",
        "path",
        "typed",
        "variable",
    ]
)
FOREIGN_ATTRIBUTES = frozenset(
    ["id", "name", "data", "measured_on", "error", "sentence", "city", "spec", "preset", "teacher", "group", "message"]
)
OWN = frozenset(("worst.name",))  # a corruption of the robustness test


def is_foreign(node: ast.expr) -> bool:
    """Whether an expression is, by its name, a word from outside: a name, a path, an error, or text made of these."""
    if isinstance(node, ast.Name):
        return node.id in FOREIGN_NAMES
    if isinstance(node, ast.Attribute):
        return node.attr in FOREIGN_ATTRIBUTES and ast.unparse(node) not in OWN
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id in ("names", "models", "holders")
    if isinstance(node, ast.BoolOp):
        return any(is_foreign(value) for value in node.values)
    if isinstance(node, ast.BinOp):
        return is_foreign(node.left) or is_foreign(node.right)
    if isinstance(node, ast.IfExp):
        return is_foreign(node.body) or is_foreign(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return any(
            is_foreign(part.value)
            for part in node.values
            if isinstance(part, ast.FormattedValue) and part.format_spec is None
        )
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called == "str" or called.endswith(".join"):
            return any(is_foreign(argument) for argument in node.args)
        return called.endswith((".replace", ".strip", ".capitalize")) and is_foreign(node.func.value)  # type: ignore[attr-defined]
    return False


def unescaped(source: str) -> list[str]:
    """Return the arguments of calls that show Markdown which are, or contain, foreign words."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        called = "" if isinstance(node.func, ast.Name) and called == "title" else called
        shown = [keyword.value for keyword in node.keywords if keyword.arg == "help"]
        if called in SHOW_MARKDOWN:
            texts = {"button": node.args[:1], "download_button": node.args[:1], "choose_option": node.args[1:2]}.get(
                called, node.args
            )
            shown = [*texts, *(keyword.value for keyword in node.keywords if keyword.arg not in NO_MARKDOWN)]
        found += [f"line {text.lineno}: {ast.unparse(text)}" for text in shown if is_foreign(text)]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "st.error(f'Not found. {error}')",
        "st.error(str(error))",
        "st.markdown(result.id)",
        "left.caption(f'see {info.name}' if info else '')",
        "st.toggle('x', help=f'of {model}')",
        "st.metric('Best', '1', best.id)",
        "st.caption(', '.join(names))",
        "st.error(problem.replace('$', ''))",
    ],
)
def test_unescaped_words_are_found(source):
    assert len(unescaped(source)) == 1


def test_escaped_words_are_accepted():
    assert unescaped("st.error(f'{escape(error)} {number:,} {code(path)}', icon=name, key=f'x{name}')") == []


def test_pages_and_demo_escape_foreign_words():
    assert len(SOURCES) > 80
    found = {str(path.relative_to(PACKAGE)): unescaped(path.read_text()) for path in SOURCES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize("page", ["dataset"])
def test_text_of_a_link_is_shown_as_it_is(workplace, page):
    link = "x [Your session has ended: sign in again](https:evil.example) ![x](https://evil.example/x.png) $y$ :red[z]"
    # Code spans show everything as it is.
    shown = re.sub("`[^`]*`", "", words(open_page(page, data=link)))
    assert r"x \[Your session has ended: sign in again\](https:" in shown
    assert "](https:evil" not in shown.replace(r"\]", "")
    assert r":" + "\u2060" + r"red\[z\]" in shown
    assert r"\$y\$" in shown
