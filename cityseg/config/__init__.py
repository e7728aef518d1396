"""Configs of training runs: the model and the metadata of its settings, parsing, presets and sweeps."""

from cityseg.config.experiment import (
    MODEL_REFERENCES,
    PLAIN_UNET,
    SETTINGS,
    ExperimentConfig,
    Precision,
    Tracking,
    affecting,
    differences,
)
from cityseg.config.parse import build, load, override, parse_size
