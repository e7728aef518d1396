"""The charts of the dataset page: one module, and one function, per tab."""

from cityseg.ui.dataset.charts.brightness import light_tab
from cityseg.ui.dataset.charts.classes import classes_tab
from cityseg.ui.dataset.charts.cooccurrence import together_tab
from cityseg.ui.dataset.charts.sizes import sizes_tab
from cityseg.ui.dataset.charts.spatial_prior import where_tab
from cityseg.ui.dataset.charts.splits import splits_tab

__all__ = ["classes_tab", "light_tab", "sizes_tab", "splits_tab", "together_tab", "where_tab"]
