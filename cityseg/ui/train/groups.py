"""Groups of runs on the Train page: the same recipe with several seeds in one row, with mean and spread."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.analysis.comparison.groups import Group, Spread, Variant
from cityseg.ui.app import cache, glossary

_TICK = 10.0
_CHOICE = "shown_group"
_COLUMNS = (("val", "f1"), ("val", "iou"), ("test", "f1"), ("test", "iou"))


@st.fragment(run_every=_TICK)
def show() -> None:
    """Show the newest group, or the one chosen; nothing where no run has a group."""
    found = {group.name: group for group in api.list_groups(results=cache.results())}
    if not found:
        return
    st.subheader("Groups", anchor=False)
    names = list(found)
    if st.session_state.get(_CHOICE) not in names:
        st.session_state[_CHOICE] = names[0]
    name = st.selectbox("Group", names, key=_CHOICE, label_visibility="collapsed", help="Newest first.")
    group = found[name]
    st.dataframe(_rows(group), hide_index=True, width="stretch", key=f"group_{name}")
    st.caption(
        "Each row is one recipe; its score is the mean over the seeds that have finished ± their sample standard "
        "deviation, which says how far luck alone moves it: a smaller difference between rows says little. A single "
        "seed has no spread, so there is a dash. val and test are the splits that the best weights were scored on."
    )


def _rows(group: Group) -> list[dict[str, str]]:
    return [
        {
            **_settings(variant),
            "Seeds": _seeds(variant),
            **{_heading(split, metric): _cell(variant, split, metric) for split, metric in _COLUMNS},
            "Least to largest F1 on val": _extent(variant.scores.get("val", {}).get("f1")),
        }
        for variant in group.variants
    ]


def _settings(variant: Variant) -> dict[str, str]:
    if not variant.settings:
        return {"Recipe": "all alike"}
    return {glossary.label(field): glossary.setting(field, value) for field, value in variant.settings.items()}


def _seeds(variant: Variant) -> str:
    finished, missing = len(variant.seeds), len(variant.unfinished)
    return f"{finished} of {finished + missing} finished" if missing else str(finished)


def _heading(split: str, metric: str) -> str:
    return f"{'Macro F1' if metric == 'f1' else 'Mean IoU'} on {split}"


def _cell(variant: Variant, split: str, metric: str) -> str:
    found = variant.scores.get(split, {}).get(metric)
    return glossary.ABSENT if found is None else f"{glossary.score(found.mean)} ± {glossary.score(found.deviation)}"


def _extent(found: Spread | None) -> str:
    if found is None or found.n == 1:
        return glossary.ABSENT
    return f"{glossary.score(found.low)} to {glossary.score(found.high)}"
