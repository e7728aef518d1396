"""The demo: one page for sharing models by a link, and ``/predict`` for programs.

It stands beside the app and the command line and is the only package that imports gradio. It makes no network requests:
examples are rendered, fonts are the visitor's own, and URLs in place of photos are rejected.

``request`` validates inputs, ``prediction_service`` predicts, ``rendering`` makes images and text of predictions,
``page`` lays them out, and ``server`` serves the page.
"""

import os

# Read when gradio is imported, whose libraries would otherwise report every start to their makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from cityseg.demo.prediction_service import find_models
from cityseg.demo.server import EXAMPLES, MAX_EXAMPLES, PORT, running, serve

__all__ = ["EXAMPLES", "MAX_EXAMPLES", "PORT", "find_models", "running", "serve"]
