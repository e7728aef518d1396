"""The inspect page: one result, one split, its frames worst first."""

import streamlit as st

from cityseg.ui import inspect, shell, walk

shell.heading("Inspect", "Where does it fail, and why?")
results = walk.inspectable()
if not results:
    walk.explain_nothing()
    st.stop()

selection, measure = st.columns([2, 1], gap="large")
with selection:
    subject = walk.choose_subject(results)
if subject is None:
    st.stop()
with measure:
    order = walk.choose_walk(subject)
inspect.figures(subject)

info = inspect.holding_data(subject)
index = walk.choose_frame(subject, order, info)
if info is not None:
    picture, classes = st.columns([3, 2], gap="medium")
    with picture:
        inspect.show_frame(subject, index, info)
    with classes:
        inspect.class_table(subject, index)
else:
    inspect.class_table(subject, index)
inspect.confusions(subject)
