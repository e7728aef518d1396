"""The train page."""

from cityseg.ui.app import shell
from cityseg.ui.train import page

shell.heading("Train", "What shall I train, and how is it going?")
page.page()
