"""The Predict page: predictions of one or several models on any photo or video."""

from cityseg.ui.app import shell
from cityseg.ui.predict import page

shell.heading("Predict", "What does a model predict for my photo?")
page.page()
