"""The charts of the dataset page: one module, and one function, per tab."""

from cityseg.ui.charts.classes import classes_tab
from cityseg.ui.charts.light import light_tab
from cityseg.ui.charts.sizes import sizes_tab
from cityseg.ui.charts.splits import splits_tab
from cityseg.ui.charts.together import together_tab
from cityseg.ui.charts.where import where_tab

__all__ = ["classes_tab", "light_tab", "sizes_tab", "splits_tab", "together_tab", "where_tab"]
