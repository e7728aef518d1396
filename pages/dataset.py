"""The dataset page."""

from cityseg.ui import dataset

dataset.show()
