"""Options that verbs share, and the config that ``--preset`` or ``--config`` and ``--set`` name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api, config
from cityseg.api.types import Fit, Split
from cityseg.config import ExperimentConfig, presets
from cityseg.errors import UsageError
from cityseg.text import quoted


def given(what: str, *, folder: bool = False) -> Callable[[str], Path]:
    """Return a parser of the path of ``what``, see ``api.given_path``; a ``folder`` may be new, but is no file."""

    def parse(text: str) -> Path:
        path = api.given_path(text, what)
        try:
            if path.exists() and folder and not path.is_dir():
                raise UsageError(f"{text}: expected {what}, found a file; name a folder")
        except OSError as error:
            raise UsageError(f"{quoted(text)}: expected {what}, found {error.strerror}; choose another") from None
        return path

    return parse


Data = Annotated[
    str | None,
    typer.Option(
        help="Folder with leftImg8bit/ and gtFine/, with their zips, or with dataset.json; or 'synthetic'.",
        show_default="$CITYSEG_DATA or data/cityscapes",
    ),
]
FitOption = Annotated[Fit, typer.Option(help="How photos are resized to the model's size.")]
Flip = Annotated[bool, typer.Option("--flip", help="Flip TTA: average with the mirrored image.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Onnx = Annotated[
    Path | None,
    typer.Option(
        parser=given("an ONNX file"), metavar="FILE", help="File written by `cityseg export`, in place of MODEL."
    ),
]
Out = Annotated[
    Path, typer.Option(parser=given("a folder for the results", folder=True), metavar="FOLDER", help="Output folder.")
]
Runs = Annotated[
    Path | None,
    typer.Option(
        parser=given("a folder of runs", folder=True),
        metavar="FOLDER",
        help="Folder of runs.",
        show_default="$CITYSEG_RUNS or runs",
    ),
]
Scales = Annotated[
    str,
    typer.Option(
        metavar="S,S...",
        help="Multi-scale TTA: average logits over these multiples of the model's size, for example 0.75,1,1.25; "
        "combines with --flip.",
    ),
]
Size = Annotated[str | None, typer.Option(help="Height x width in pixels, for example 128x256.")]
SplitOption = Annotated[Split, typer.Option(help="Split of the dataset.")]
Preset = Annotated[str | None, typer.Option(help=f"One of {', '.join(presets.PRESETS)}.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", parser=given("a configuration file"), metavar="FILE", help="JSON file of settings."),
]
Settings = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, any number of times.")]


def build_config(preset: str | None, config_file: Path | None, settings: list[str] | None) -> ExperimentConfig:
    """Return the config that the options name.

    Raises:
        UsageError: not exactly one of preset and file, or an invalid setting.
    """
    if (preset is None) == (config_file is None):
        raise UsageError("expected exactly one of --preset and --config")
    start = config.load(config_file) if config_file else presets.preset(preset or "")
    return config.override(start, settings or [])
