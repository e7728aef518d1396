"""cityseg: a studio for street-scene segmentation experiments."""

import os

# Threads of a step wait for each other some thousand times a second. By default OpenMP's spend milliseconds of a core
# on each wait, which the app beside a training, or two runs, need for work; this is long enough on an idle machine.
# It is read when torch is loaded, and changes no result.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__version__ = "0.1.0"
