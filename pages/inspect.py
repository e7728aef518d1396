"""The Inspect page."""

from cityseg.ui.app import shell
from cityseg.ui.inspect import page

shell.heading("Inspect", "Where does it fail, and why?")
page.page()
