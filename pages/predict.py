"""The predict page: choose a photo and models, see what they see."""

from cityseg.ui import predict, shell

shell.heading("Predict", "How does it see my street?")
predict.page()
