"""The compare page."""

from cityseg.ui.app import shell
from cityseg.ui.compare import page

shell.heading("Compare", "Which is better, where, and is it sure?")
page.page()
