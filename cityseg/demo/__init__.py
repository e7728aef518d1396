"""The demo: one page that says what a model sees in a photo, for a link that others open; ``/predict`` for programs.

It is a front of its own, beside the app and the command line, and the only place that imports gradio. It asks nothing
of the network: examples are drawn, fonts are the visitor's own, and addresses in place of photos are refused.

``asking`` checks what comes in, ``looking`` answers what models see, ``shown`` turns answers into pictures and words,
``page`` lays them out, ``serving`` lets others in.
"""

import os

# Read when gradio is loaded, whose libraries would tell their makers of every start.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from cityseg.demo.prediction_service import usable_models
from cityseg.demo.server import EXAMPLES, MOST_EXAMPLES, PORT, running, serve

__all__ = ["EXAMPLES", "MOST_EXAMPLES", "PORT", "running", "serve", "usable_models"]
