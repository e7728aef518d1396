from __future__ import annotations

import csv
import io

import pytest

from cityseg.analysis.tables import Table, signed, write

TABLE = Table(
    ("Class", "a_b", "b − a", "Pixels"),
    (("road & kerb", 0.98765432, 0.25, 12), ('x|y "z", 5 %', float("nan"), -0.0004, None)),
    frozenset({"b − a"}),
)


def test_csv_reads_back_with_full_numbers_and_empty_fields() -> None:
    rows = list(csv.DictReader(io.StringIO(write(TABLE, "csv"))))
    assert rows[0] == {"Class": "road & kerb", "a_b": "0.987654", "b − a": "0.25", "Pixels": "12"}
    assert rows[1]["Class"] == 'x|y "z", 5 %'
    assert rows[1]["a_b"] == rows[1]["Pixels"] == ""


def test_markdown_escapes_bars_and_aligns_numbers() -> None:
    header, rule, first, second = write(TABLE, "markdown").splitlines()
    assert header == r"| Class | a\_b | b − a | Pixels |"
    assert rule == "| --- | ---: | ---: | ---: |"
    assert first == "| road & kerb | 0.988 | +0.250 | 12 |"
    assert second == r'| x\|y "z", 5 % | – | 0.000 | – |'


def test_latex_escapes_and_rules() -> None:
    lines = write(TABLE, "latex").splitlines()
    assert lines[0] == r"\begin{tabular}{lrrr}"
    assert lines[2] == r"Class & a\_b & b $-$ a & Pixels \\"
    assert lines[4] == r"road \& kerb & 0.988 & +0.250 & 12 \\"
    assert lines[5] == r'x|y "z", 5 \% & -- & 0.000 & -- \\'
    assert lines[-1] == r"\end{tabular}"


@pytest.mark.parametrize(("value", "text"), [(0.1, "+0.100"), (-0.1, "−0.100"), (-0.0001, "0.000"), (0.0, "0.000")])
def test_signs(value: float, text: str) -> None:
    assert signed(value) == text


def test_csv_has_no_formulas() -> None:
    formulas = ("=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "\n=1", "＝1")
    rows = list(
        csv.reader(io.StringIO(write(Table(formulas, (formulas, tuple("-0.5" for _ in formulas))), "csv"), newline=""))
    )
    assert rows[0] == rows[1] == [f"'{formula}" for formula in formulas]
    assert rows[2] == ["-0.5"] * len(formulas)


def test_markdown_shows_links_as_text() -> None:
    assert (
        write(Table(("a\\|b", "[x](https://a)"), ()), "markdown").splitlines()[0]
        == "| a\\\\\\|b | \\[x\\](https://a) |"
    )
