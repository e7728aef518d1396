"""cityseg: a studio for street-scene segmentation experiments."""

__version__ = "0.1.0"
