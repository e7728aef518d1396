"""Measurements of the studio, each a command: ``python -m benchmarks.NAME``."""

import cityseg as cityseg  # before PyTorch is loaded: it says how long idle threads keep a core
