"""The train page."""

from cityseg.ui import shell, train

shell.heading("Train", "What shall I train, and how is it going?")
train.page()
