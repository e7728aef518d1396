"""The charts of the Dataset page: one module and one function per tab."""

from cityseg.ui.dataset.charts.brightness import brightness_tab
from cityseg.ui.dataset.charts.classes import classes_tab
from cityseg.ui.dataset.charts.cooccurrence import cooccurrence_tab
from cityseg.ui.dataset.charts.sizes import sizes_tab
from cityseg.ui.dataset.charts.spatial_prior import spatial_tab
from cityseg.ui.dataset.charts.splits import splits_tab

__all__ = ["brightness_tab", "classes_tab", "cooccurrence_tab", "sizes_tab", "spatial_tab", "splits_tab"]
