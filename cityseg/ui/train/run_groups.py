"""Groups of runs on the Train page: mean and spread over the seeds of each config."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.analysis.comparison.groups import Group, Spread, Variant
from cityseg.ui.app import cache, glossary

_POLL_SECONDS = 10.0
_CHOICE = "shown_group"
_METRICS = (("Macro F1", "f1"), ("Mean IoU", "iou"))
_SCORES = {f"{name} on {split}": (split, key) for split in ("val", "test") for name, key in _METRICS}


@st.fragment(run_every=_POLL_SECONDS)
def show() -> None:
    """Show the selected group, initially the newest; nothing if no run has a group."""
    found = {group.name: group for group in api.list_groups(results=cache.results())}
    if not found:
        return
    how_to_read = (
        "One row per config: mean over the finished seeds ± sample standard deviation, of the best weights. "
        "Differences smaller than the deviation may be due to the seed alone."
    )
    st.header("Groups", anchor=False, help=how_to_read)
    if st.session_state.get(_CHOICE) not in found:
        st.session_state[_CHOICE] = next(iter(found))
    name = st.selectbox("Group", list(found), key=_CHOICE, label_visibility="collapsed", help="Newest first.")
    st.dataframe(
        _rows(found[name]), hide_index=True, width="stretch", key=f"group_{name}", alt=f"Scores of group {name}"
    )


def _rows(group: Group) -> list[dict[str, str]]:
    return [
        {
            **(glossary.settings(variant.settings) or {"Config": "all equal"}),
            "Seeds": _seeds(variant),
            **{title: _mean(variant.scores.get(split, {}).get(key)) for title, (split, key) in _SCORES.items()},
            "Min-max F1 on val": _range(variant.scores.get("val", {}).get("f1")),
        }
        for variant in group.variants
    ]


def _seeds(variant: Variant) -> str:
    finished, unfinished = len(variant.seeds), len(variant.unfinished)
    return f"{finished} of {finished + unfinished} finished" if unfinished else str(finished)


def _mean(spread: Spread | None) -> str:
    return f"{glossary.score(spread.mean)} ± {glossary.score(spread.deviation)}" if spread else glossary.ABSENT


def _range(spread: Spread | None) -> str:
    if spread is None or spread.n == 1:
        return glossary.ABSENT
    return f"{glossary.score(spread.low)} to {glossary.score(spread.high)}"
