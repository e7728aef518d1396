"""Entry script of the Inspect page."""

import streamlit as st

from cityseg.ui.app import shell
from cityseg.ui.common.measured_split import connected_data
from cityseg.ui.inspect import page, ranking_metric, selection, slice_filter

shell.heading("Inspect", "Where does it fail, and why?")
results = selection.evaluated_results()
if not results:
    selection.explain_nothing()
    st.stop()

left, right = st.columns([3, 2], gap="large")
with left:
    measured = selection.choose_result(results)
if measured is None:
    st.stop()
with right:
    metric = ranking_metric.choose_metric(measured)
page.figures(measured)

info = connected_data(measured)
part = slice_filter.choose_part(measured, metric, info)
index = selection.choose_frame(measured, metric, info, part)
if info is not None:
    left, right = st.columns([3, 2], gap="medium")
    with left:
        page.show_frame(measured, index, info)
    with right:
        page.frame_classes(measured, index)
else:
    page.frame_classes(measured, index)
page.tabs(measured, metric, info)
