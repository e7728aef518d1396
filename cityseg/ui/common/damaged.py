"""The notice that names the runs and models that cannot be read, on every page that lists results."""

from __future__ import annotations

import streamlit as st

from cityseg.ui.app import cache, glossary


def notice() -> None:
    """Name the damaged runs and shipped models, which are in no list, each with its reason; nothing if all are well."""
    damaged = cache.damaged_results()
    if not damaged:
        return
    number = glossary.counted(len(damaged), "run" if all(one.source == "run" for one in damaged) else "result")
    st.warning(
        f"{number} cannot be read and {'is' if len(damaged) == 1 else 'are'} not listed.", icon=":material/error:"
    )
    with st.expander("Which, and why", icon=":material/folder_off:"):
        for one in damaged:
            # As plain text: names and file contents are not ours.
            st.text(f"{one.id}: {one.reason}")
