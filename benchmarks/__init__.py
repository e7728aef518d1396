"""Benchmarks of the studio, each a command: ``python -m benchmarks.NAME``."""

import cityseg as cityseg  # before PyTorch is loaded: sets how long idle OpenMP threads spin
