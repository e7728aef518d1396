"""``cityseg agree``: how far several models agree on a photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api
from cityseg.api.types import Fit
from cityseg.cli.common import Json, Runs, bar, percent, print_result


def agree(
    photo: Path,
    models: Annotated[list[str], typer.Argument(metavar="MODEL...")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the map.")],
    fit: Annotated[Fit, typer.Option("--fit", help="How the photo is brought to the models' sizes.")] = "stretch",
    flip: Annotated[bool, typer.Option("--flip", help="Also look at the mirrored photo, and average.")] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Say on how much of PHOTO two to four models agree and where they differ most; write the map of agreement."""
    with bar("predicting") as progress:
        found = api.agree(photo, models, out, fit=fit, flip=flip, runs=runs, on_progress=progress)
    document = asdict(found)
    document["pairs"] = [dict(zip(("first", "second", "share"), pair, strict=True)) for pair in found.pairs]
    print_result(as_json, document, _lines(found))


def _lines(found: api.Agreed) -> Iterable[str]:
    if found.share is None:
        yield "No part of the photo was shown to all of these models."
        return
    whom = "Both models" if len(found.models) == 2 else f"All {len(found.models)} models"
    yield f"{whom} say the same on {percent(found.share)} of the picture: {found.file}"
    if len(found.models) > 2:
        yield ", ".join(f"{name} on {percent(share)}" for name, share in found.by_number.items())
        yield from (f"{first} and {second}: {percent(share)}" for first, second, share in found.pairs)
    if found.differences:
        yield "They differ most here:"
    yield from (f"  {each['words']}" for each in found.differences)
