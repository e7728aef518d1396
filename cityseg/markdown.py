"""Foreign words in Markdown: names, paths and errors shown as the plain text that they are."""

from __future__ import annotations

import re

_JOINER = "\u2060"
"""An invisible character (word joiner). It ends what renderers search for in text that is already parsed, where a
backslash has no effect: URLs, mail addresses, emoji and icon shortcodes, arrows."""
_SYNTAX = re.compile(r"[\\`*\[\]<>$~|]|&(?=[#\w])|(?<![^\W_])_|_(?![^\W_])")
_LINE_START = re.compile(r"^(?:[-+=#]|\d{1,9}(?=[.)](?:\s|$)))")
_SHORTCODE = re.compile(r":(?=[^\W\d_]|//|[\w+-]+:)")
_ADDRESS = re.compile(r"(?<=www)(?=\.)|(?<=[\w+.-]@)(?=[\w-])", re.IGNORECASE)
_ARROW = re.compile(r"(?:(?<=\s)|^)(<|-|>|~)(?=(?:->|-|>|=)(?:\s|$))")


def escape(word: object) -> str:
    """Return Markdown that renders as the text of ``word``, on one line.

    Nothing in it becomes a link, an image, HTML, a formula, an icon, a colour or a list, wherever it is inserted except
    in a code span, see ``code``. Line breaks and other control characters become spaces.
    """
    text = _ADDRESS.sub(_JOINER, _SHORTCODE.sub(f":{_JOINER}", _ARROW.sub(rf"\1{_JOINER}", one_line(word))))
    text = _SYNTAX.sub(lambda found: f"\\{found[0]}", text)
    return _LINE_START.sub(lambda found: f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}", text)


def code(word: object) -> str:
    """Return a code span with the text of ``word``, on one line."""
    text = one_line(word)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text or ' '}{space}{fence}"


def one_line(word: object) -> str:
    """Return the text of ``word`` without line breaks, control characters and code points that UTF-8 lacks."""
    text = str(word).encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
