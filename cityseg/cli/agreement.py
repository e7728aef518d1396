"""``cityseg agree``: agreement of several models on a photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api
from cityseg.cli.common import bar, percent, print_result
from cityseg.cli.options import FitOption, Flip, Json, Out, Runs, given


def agree(
    photo: Annotated[Path, typer.Argument(parser=given("a photo"), metavar="PHOTO")],
    models: Annotated[list[str], typer.Argument(metavar="MODEL...")],
    out: Out,
    fit: FitOption = "stretch",
    flip: Flip = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Report where two to four models agree on PHOTO and where they differ most; write the agreement map."""
    with bar("predicting") as progress:
        found = api.agree(photo, models, out, fit=fit, flip=flip, runs=runs, on_progress=progress)
    document = asdict(found)
    document["pairs"] = [dict(zip(("first", "second", "share"), pair, strict=True)) for pair in found.pairs]
    print_result(as_json, document, _lines(found))


def _lines(found: api.ModelAgreement) -> Iterable[str]:
    if found.share is None:
        yield "No part of the photo was predicted by all of these models."
        return
    models = "Both models" if len(found.models) == 2 else f"All {len(found.models)} models"
    yield f"{models} agree on {percent(found.share)} of the photo: {found.file}"
    if len(found.models) > 2:
        yield ", ".join(f"{name} on {percent(share)}" for name, share in found.by_number.items())
        yield from (f"{first} and {second}: {percent(share)}" for first, second, share in found.pairs)
    if found.differences:
        yield "They differ most here:"
    yield from (f"  {each['words']}" for each in found.differences)
