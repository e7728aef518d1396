"""The overview page."""

from cityseg.ui import overview

overview.show()
