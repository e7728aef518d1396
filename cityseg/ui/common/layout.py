"""Arrangements of elements: metrics side by side, grids, and a message with a way on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import streamlit as st

Item = TypeVar("Item")


def metric_row(cells: Iterable[tuple[str, str, str] | tuple[str, str, str, str | None]], width: int = 150) -> None:
    """Show metrics, each as (label, value, help) or (label, value, help, second line)."""
    with st.container(horizontal=True, gap="small"):
        for label, value, meaning, *second in cells:
            delta = second[0] if second else None
            st.metric(label, value, delta, delta_color="off", delta_arrow="off", help=meaning, width=width)


def suggest_training(message: str, icon: str) -> None:
    """Explain an empty page, with a link to the Train page."""
    st.info(message, icon=f":material/{icon}:")
    st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")


@contextmanager
def scrolling_sideways(key: str, width: int) -> Iterator[None]:
    """Make what the block shows at least ``width`` pixels wide; a narrower screen scrolls it, so that nothing overlaps.

    ``key`` distinguishes several on a page.
    """
    with st.container(key=f"{key}_frame"):
        st.html(
            f"<style>.st-key-{key}_frame {{ overflow-x: auto; }} .st-key-{key}_frame > * {{ min-width: {width}px; }}"
            "</style>"
        )
        yield


def grid(items: Sequence[Item], width: int) -> Iterator[Item]:
    """Yield each item within its column, row by row, so that a phone keeps the order."""
    for start in range(0, len(items), width):
        for column, item in zip(st.columns(width, gap="medium"), items[start : start + width], strict=False):
            with column:
                yield item
