"""Where the models of the predict page agree on a photo, and where they differ most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cityseg.analysis.errors.regions import Region
from cityseg.analysis.prediction import agreement
from cityseg.analysis.prediction.agreement import Agreement
from cityseg.figures.agreement import legend
from cityseg.figures.class_shares import percent_text
from cityseg.ui.common.viewer import PHOTO, Layer, viewer
from cityseg.ui.predict.layers import Sight
from cityseg.ui.predict.model_view import Shown
from cityseg.ui.predict.result_view import GROUP
from cityseg.ui.predict.sources import Street


def show(street: Street, photo: Shown, sights: Sequence[Sight]) -> None:
    """Show the map of agreement and the largest differences between the first model and each other one."""
    if len(sights) < 2:
        st.info(
            "Choose a second model above: then you see where both agree on this photo, and where they do not.",
            icon=":material/compare:",
        )
        return
    found, differences = _compared(
        tuple(sight.look.key for sight in sights), [sight.look.seen.train_ids for sight in sights]
    )
    names = [sight.model.id for sight in sights]
    left, right = st.columns([7, 5], gap="medium")
    with left:
        layer = Layer("agreement", found.dissenting, classes=legend(len(sights)))
        viewer(
            photo.photo,
            [layer],
            key="predict_agreement",
            alt=f"Where {', '.join(names)} agree on the street photo {street.name}.",
            compare=(PHOTO, "agreement"),
            group=GROUP,
            clicks=False,
        )
    with right:
        whom = "Both models" if len(sights) == 2 else f"All {len(sights)} models"
        st.markdown(f"**{whom} say the same on {percent_text(found.share)} of the picture.**")
        st.caption(
            "What they agree on can still be wrong: models that learned from the same streets make the same mistakes. "
            "But where they differ, at most one of them is right."
        )
        first = names[0]
        for second, regions in zip(names[1:], differences, strict=True):
            st.markdown(f"**{first} and {second} differ most here**")
            if not regions:
                st.markdown("Nowhere in one piece of at least 0.1 % of the picture.")
            size = sights[0].look.seen.train_ids.shape
            lines = [agreement.words(region, first, second, (size[0], size[1])) for region in regions]
            st.markdown("\n".join(f"{place}. {line}" for place, line in enumerate(lines, start=1)))


@st.cache_resource(show_spinner=False, max_entries=12)
def _compared(keys: tuple[str, ...], _maps: Sequence[np.ndarray]) -> tuple[Agreement, list[list[Region]]]:
    first, *others = _maps
    return agreement.agreement(_maps), [agreement.largest(first, other) for other in others]
