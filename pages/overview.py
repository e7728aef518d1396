"""The overview page."""

from cityseg.ui.overview import page

page.show()
