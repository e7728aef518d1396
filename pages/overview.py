"""The Overview page."""

from cityseg.ui.overview import page

page.show()
