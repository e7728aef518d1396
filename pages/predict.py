"""The predict page: choose a photo and a model, see what the model sees."""

import streamlit as st

from cityseg.ui import downloads, predict, shell, state, streets

shell.heading("Predict", "How does it see my street?")
models = predict.usable_models()
if not models:
    predict.explain_no_models()
    st.stop()

choice, chosen = st.columns([7, 3], gap="medium")
with chosen:
    model = predict.choose_model(models)
with choice:
    street = streets.choose_street(streets.connected_data(state.data_spec()))
if street is None:
    streets.explain_no_photo()
    st.stop()

picture, beside = st.columns([7, 3], gap="medium")
with picture:
    prediction = predict.show(street, model)
if prediction is None:
    st.stop()
with beside:
    predict.figures(street, prediction)
    predict.shares(street, prediction)
downloads.downloads(street, prediction)
