"""The Compare page."""

from cityseg.ui.app import shell
from cityseg.ui.compare import page

shell.heading("Compare", "Which result is better, where, and is the difference significant?")
page.page()
