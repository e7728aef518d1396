"""A deterministic street set that the project draws by itself, for people without a dataset.

Every frame is a scene in metres (a bent street, houses, trees, vehicles, people) seen through a pinhole camera and
painted far to near into one image that holds colour and owner of every pixel, so photo, labels and instances agree.
"""

from cityseg.data.synthetic.dataset import GENERATOR_VERSION, drawn_version, synthesize
from cityseg.data.synthetic.scene import Scene, render
from cityseg.data.synthetic.weather import DAYTIMES, WEATHERS, Daytime, Weather

__all__ = [
    "DAYTIMES",
    "GENERATOR_VERSION",
    "WEATHERS",
    "Daytime",
    "Scene",
    "Weather",
    "drawn_version",
    "render",
    "synthesize",
]
