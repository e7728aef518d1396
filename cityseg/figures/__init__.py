"""Plotly figures and images: pure functions, data in, figure or array out.

Arguments that many of them share:

- ``palette``: (256, 3) uint8, the colour of each train id.
- ``dark``: whether the page is dark.
- ``order``: train ids in the order in which the figure lists the classes, from the top or from the left.
- ``color``, ``colors``: colour of a result, or colours by result, as CSS.
"""
