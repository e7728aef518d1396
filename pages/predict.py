"""The predict page: choose a photo and models, see what they see."""

from cityseg.ui.app import shell
from cityseg.ui.predict import page

shell.heading("Predict", "How does it see my street?")
page.page()
