"""The agreement tab of the Predict page: where models agree on a photo, and where they differ most."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.analysis.errors.regions import Region
from cityseg.analysis.prediction import agreement
from cityseg.analysis.prediction.agreement import Agreement
from cityseg.figures.agreement import legend
from cityseg.figures.class_shares import percent_text
from cityseg.markdown import escape
from cityseg.ui.common.viewer import PHOTO, Layer, viewer
from cityseg.ui.predict.model_view import ModelView, Photo
from cityseg.ui.predict.result_view import GROUP


def show(name: str, photo: Photo, views: Sequence[ModelView]) -> None:
    """Show the agreement map of a named photo and the largest differences between the first model and each other."""
    if len(views) < 2:
        st.info("Choose a second model above to see where it agrees with the first.", icon=":material/compare:")
        return
    found, differences = _compare(views)
    models = [view.model.id for view in views]
    left, right = st.columns([7, 5], gap="medium")
    with left:
        viewer(
            photo.image,
            [Layer("agreement", found.dissenting, classes=legend(len(views)))],
            key="predict_agreement",
            alt=f"Agreement of {', '.join(models)} on the photo {name}.",
            compare=(PHOTO, "agreement"),
            group=GROUP,
            clicks=False,
        )
    with right:
        subject = "Both models" if len(views) == 2 else f"All {len(views)} models"
        st.markdown(f"**{subject} agree on {percent_text(found.share)} of the image.**")
        st.caption("Models trained on the same data make the same mistakes, so they can agree and still be wrong.")
        height, width = found.dissenting.shape
        for second, regions in zip(models[1:], differences, strict=True):
            st.markdown(f"**Largest differences between {escape(models[0])} and {escape(second)}**")
            if not regions:
                st.markdown("No connected region covers 0.1 % of the image.")
            lines = [agreement.describe(region, models[0], second, (height, width)) for region in regions]
            st.markdown("\n".join(f"1. {escape(line)}" for line in lines))


@st.cache_resource(show_spinner=False, max_entries=12, hash_funcs={ModelView: lambda view: view.key})
def _compare(views: Sequence[ModelView]) -> tuple[Agreement, list[list[Region]]]:
    maps = [view.summary.train_ids for view in views]
    return agreement.agreement(maps), [agreement.largest_differences(maps[0], other) for other in maps[1:]]
