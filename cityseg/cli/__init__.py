"""The command line: ``cityseg VERB``. Requests go to ``cityseg.api``; here they are only read and results printed.

A module for each group of verbs; ``common`` holds what they share.
"""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from cityseg import distributed
from cityseg.cli import (
    agreement,
    bench,
    compare,
    demo,
    evaluate,
    flips,
    inspect,
    models,
    predict,
    preflight,
    robustness,
    sweep,
    train,
)
from cityseg.cli.data import data_app
from cityseg.cli.runs import runs_app
from cityseg.errors import CitysegError

app = typer.Typer(
    help="A studio for street-scene segmentation experiments.",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data_app, name="data")
app.command()(train.train)
app.command()(sweep.sweep)
runs_app.command("groups")(sweep.groups)
app.command()(preflight.estimate)
app.command()(preflight.overfit)
app.command("lr-find")(preflight.lr_find)
app.add_typer(runs_app, name="runs")
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(flips.flips)
app.command()(predict.predict)
app.command()(agreement.agree)
app.command()(predict.clip)
app.command("models")(models.list_models)
app.command()(models.export)
app.command()(demo.demo)
app.command()(models.average)
app.command()(models.publish)
app.command()(inspect.inspect)
app.command()(inspect.pixel)
app.command()(inspect.audit)
app.command()(robustness.robustness)
app.command()(bench.bench)


def main() -> NoReturn:
    """Run the command line; errors of the caller are one line, without a traceback unless ``--debug`` is given."""
    arguments = sys.argv[1:] or ["--help"]
    debug = "--debug" in arguments
    try:
        code = app(args=[word for word in arguments if word != "--debug"], prog_name="cityseg", standalone_mode=False)
    except TyperException as error:
        print(f"cityseg: {error.format_message()}".replace("\n", " "), file=sys.stderr)
        sys.exit(2)
    except CitysegError as error:
        if debug:
            traceback.print_exc()
        # The processes of a run fail together, and one sentence is enough.
        if distributed.is_first():
            print(f"cityseg: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code or 0)
