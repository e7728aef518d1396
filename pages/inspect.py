"""The inspect page: one result, one split, its frames worst first."""

import streamlit as st

from cityseg.ui.app import shell
from cityseg.ui.common.measured_split import connected_data
from cityseg.ui.inspect import page, ranking_metric, slice_filter
from cityseg.ui.inspect import subject as subjects

shell.heading("Inspect", "Where does it fail, and why?")
results = subjects.inspectable()
if not results:
    subjects.explain_nothing()
    st.stop()

selection, ordering = st.columns([3, 2], gap="large")
with selection:
    subject = subjects.choose_subject(results)
if subject is None:
    st.stop()
with ordering:
    measure = ranking_metric.choose_measure(subject)
page.figures(subject)

info = connected_data(subject)
part = slice_filter.choose_part(subject, measure, info)
index = subjects.choose_frame(subject, measure, info, part)
if info is not None:
    picture, classes = st.columns([3, 2], gap="medium")
    with picture:
        page.show_frame(subject, index, info)
    with classes:
        page.class_table(subject, index)
else:
    page.class_table(subject, index)
page.questions(subject, measure, info)
