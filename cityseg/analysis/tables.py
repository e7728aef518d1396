"""A table as CSV, Markdown or LaTeX, with everything escaped that the format would misread."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Format = Literal["csv", "markdown", "latex"]
Cell = str | float | int | None
ABSENT = "–"
"""Stands where there is no value, in Markdown and LaTeX; CSV leaves the field empty."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "★": r"$\star$",
    "–": "--",
}
_LATEX_CHARACTERS = str.maketrans(_LATEX)
_MARKDOWN_CHARACTERS = str.maketrans({"|": r"\|", "\n": " ", "*": r"\*", "_": r"\_", "`": r"\`", "<": "&lt;"})


@dataclass(frozen=True)
class Table:
    """Rows under a header.

    Attributes:
        columns: the header, C names.
        rows: C cells each. Text stands as it is, whole numbers as they are, other numbers with three decimals;
            None and NaN are absent.
        signed: columns of differences, whose numbers get a sign.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    signed: frozenset[str] = frozenset()


def write(table: Table, form: Format) -> str:
    """Return the table in one of the three formats, with a line break at its end."""
    return {"csv": to_csv, "markdown": to_markdown, "latex": to_latex}[form](table)


def to_csv(table: Table) -> str:
    """Return RFC 4180 text with full numbers (six decimals) for programs; an absent value is an empty field."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow(["" if _absent(cell) else round(cell, 6) if isinstance(cell, float) else cell for cell in row])
    return file.getvalue()


def to_markdown(table: Table) -> str:
    """Return a GitHub table: numbers to the right, three decimals."""
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


def signed(value: float) -> str:
    """Write a difference with its sign and three decimals; what rounds to nothing has no sign."""
    if round(value, 3) == 0:
        return "0.000"
    return f"{'+' if value > 0 else '−'}{abs(value):.3f}"


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
    """Whether each column holds numbers alone."""
    return [
        all(isinstance(row[place], int | float) or row[place] is None for row in table.rows)
        for place in range(len(table.columns))
    ]
