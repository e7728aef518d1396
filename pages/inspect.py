"""The inspect page: one result, one split, its frames worst first."""

import streamlit as st

from cityseg.ui import inspect, measures, parts, shell, walk

shell.heading("Inspect", "Where does it fail, and why?")
results = walk.inspectable()
if not results:
    walk.explain_nothing()
    st.stop()

selection, ordering = st.columns([3, 2], gap="large")
with selection:
    subject = walk.choose_subject(results)
if subject is None:
    st.stop()
with ordering:
    measure = measures.choose_measure(subject)
inspect.figures(subject)

info = inspect.holding_data(subject)
part = parts.choose_part(subject, measure, info)
index = walk.choose_frame(subject, measure, info, part)
if info is not None:
    picture, classes = st.columns([3, 2], gap="medium")
    with picture:
        inspect.show_frame(subject, index, info)
    with classes:
        inspect.class_table(subject, index)
else:
    inspect.class_table(subject, index)
inspect.questions(subject, measure, info)
