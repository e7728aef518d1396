"""The dataset page."""

from cityseg.ui.dataset import page

page.show()
