"""Tables as CSV, Markdown or LaTeX, escaped for the format."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cityseg.text import spreadsheet_cell

Format = Literal["csv", "markdown", "latex"]
Cell = str | float | int | None
ABSENT = "–"
"""Text of a missing value in Markdown and LaTeX; in CSV the field is empty."""

_LATEX_CHARACTERS = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
    | {">": r"\textgreater{}", "−": "$-$", "×": r"$\times$", "±": r"$\pm$", "★": r"$\star$", "–": "--"}
)
_MARKDOWN_CHARACTERS = str.maketrans(
    {"\\": r"\\", "|": r"\|", "\n": " ", "[": r"\[", "]": r"\]", "*": r"\*", "_": r"\_", "`": r"\`", "<": "&lt;"}
)


@dataclass(frozen=True)
class Table:
    """Rows under a header."""

    columns: tuple[str, ...]  # the header, C names
    # C cells each: text and integers unchanged, floats with three decimals; None and NaN are missing.
    rows: tuple[tuple[Cell, ...], ...]
    signed: frozenset[str] = frozenset()  # columns of differences, whose numbers get a sign


def write(table: Table, form: Format) -> str:
    """Return the table in one of the formats, with a newline at its end."""
    return {"csv": to_csv, "markdown": to_markdown, "latex": to_latex}[form](table)


def to_csv(table: Table) -> str:
    """Return RFC 4180 text with six decimals; a missing value is an empty field, and no field is a formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(spreadsheet_cell, table.columns))
    for row in table.rows:
        cells = ("" if _absent(cell) else round(cell, 6) if isinstance(cell, float) else cell for cell in row)
        writer.writerow(map(spreadsheet_cell, cells))
    return file.getvalue()


def to_markdown(table: Table) -> str:
    """Return a GitHub table, numbers aligned right."""
    numeric = _numeric(table)
    lines = [[name.translate(_MARKDOWN_CHARACTERS) for name in table.columns]]
    lines.append(["---:" if right else "---" for right in numeric])
    lines += [[text.translate(_MARKDOWN_CHARACTERS) for text in row] for row in _texts(table)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_latex(table: Table) -> str:
    """Return a ``tabular`` with the rules of the booktabs package."""
    columns = "".join("r" if right else "l" for right in _numeric(table))
    header, *body = [_latex_line(table.columns), *(_latex_line(row) for row in _texts(table))]
    begin, end = rf"\begin{{tabular}}{{{columns}}}", r"\end{tabular}"
    return "\n".join([begin, r"\toprule", header, r"\midrule", *body, r"\bottomrule", end, ""])


def score(value: float | None) -> str:
    """Format a score with three decimals, None and NaN as a dash."""
    return ABSENT if value is None or value != value else f"{value:.3f}"


def signed(value: float) -> str:
    """Return a difference with its sign and three decimals; a value that rounds to 0 has no sign."""
    return f"{value:+.3f}".replace("-", "−") if round(value, 3) else "0.000"


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(cell.translate(_LATEX_CHARACTERS) for cell in cells) + r" \\"


def _texts(table: Table) -> list[list[str]]:
    return [
        [_text(cell, column in table.signed) for column, cell in zip(table.columns, row, strict=True)]
        for row in table.rows
    ]


def _text(cell: Cell, is_signed: bool) -> str:
    if _absent(cell):
        return ABSENT
    if isinstance(cell, float):
        return signed(cell) if is_signed else f"{cell:.3f}"
    return str(cell)


def _absent(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _numeric(table: Table) -> list[bool]:
    """Whether each column holds only numbers."""
    places = range(len(table.columns))
    return [all(isinstance(row[place], int | float | None) for row in table.rows) for place in places]
