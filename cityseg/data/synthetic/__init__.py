"""A deterministic synthetic dataset of street scenes, for users without a dataset.

Every frame is a scene in metres (a bent street, houses, trees, vehicles, people), projected by a pinhole camera and
painted far to near into one image that stores colour and object of every pixel, so photo, labels and instances agree.
"""

from cityseg.data.synthetic.dataset import GENERATOR_VERSION, rendered_version, synthesize
from cityseg.data.synthetic.scene import Scene, render
from cityseg.data.synthetic.weather import DAYTIMES, WEATHERS, Daytime, Weather

__all__ = [
    "DAYTIMES",
    "GENERATOR_VERSION",
    "WEATHERS",
    "Daytime",
    "Scene",
    "Weather",
    "render",
    "rendered_version",
    "synthesize",
]
