"""The command line, ``cityseg VERB``: parses arguments, calls ``cityseg.api`` and prints results."""

from __future__ import annotations

import io
import sys
import traceback
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from cityseg import distributed
from cityseg.cli import (
    agreement,
    app,
    bench,
    compare,
    demo,
    evaluate,
    feature_map,
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
from cityseg.errors import CitysegError, UsageError
from cityseg.memory import is_exhausted

verbs = typer.Typer(
    help="A studio for street-scene segmentation experiments.", pretty_exceptions_enable=False, add_completion=False
)
verbs.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(app.app)
data_app.command("map")(feature_map.data_map)
data_app.command("duplicates")(feature_map.data_duplicates)
verbs.add_typer(data_app, name="data")
verbs.command()(train.train)
verbs.command()(sweep.sweep)
runs_app.command("groups")(sweep.groups)
verbs.command()(preflight.estimate)
verbs.command()(preflight.overfit)
verbs.command("lr-find")(preflight.lr_find)
verbs.add_typer(runs_app, name="runs")
verbs.command()(evaluate.evaluate)
verbs.command()(evaluate.measure)
verbs.command()(compare.compare)
verbs.command()(flips.flips)
verbs.command()(predict.predict)
verbs.command()(agreement.agree)
verbs.command()(predict.clip)
verbs.command("models")(models.list_models)
verbs.command()(models.export)
verbs.command()(demo.demo)
verbs.command()(models.average)
verbs.command()(models.publish)
verbs.command()(inspect.inspect)
verbs.command()(inspect.pixel)
verbs.command()(inspect.audit)
verbs.command()(robustness.robustness)
verbs.command()(bench.bench)

_MAY_BE_EMPTY = "--note"
"""The option whose empty value removes what is stored."""


def main() -> NoReturn:
    """Run the command line; user errors print one line, with ``--debug`` also the traceback."""
    arguments = sys.argv[1:] or ["--help"]
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        # Names of files and words of the command line need not be text that the terminal's encoding has.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _expect_words(arguments)
        code = verbs(args=[word for word in arguments if word != "--debug"], prog_name="cityseg", standalone_mode=False)
    except TyperException as error:
        print(f"cityseg: {error.format_message()}".replace("\n", " "), file=sys.stderr)
        sys.exit(2)
    except CitysegError as error:
        if debug:
            traceback.print_exc()
        # All processes of a distributed run fail together; one message is enough.
        if distributed.is_first():
            print(f"cityseg: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug or not is_exhausted(error):
            raise
        verb = " ".join(word for word in arguments[:1] if not word.startswith("-"))
        print(
            f"cityseg: expected enough memory for {verb}, found it exhausted; lower the sizes or numbers it works "
            "with, choose a smaller model, or close other programs",
            file=sys.stderr,
        )
        sys.exit(1)
    sys.exit(code or 0)


def _expect_words(arguments: list[str]) -> None:
    """Raise UsageError for an empty word: mostly a variable of a shell that is not set, and no choice of a default."""
    for before, word in zip(("", *arguments), arguments, strict=False):
        if _MAY_BE_EMPTY in (before, word.partition("=")[0]):
            continue
        option, sign, value = word.partition("=")
        if option.startswith("--") and sign and not value.strip():
            raise UsageError(f"{option}: expected a value, found an empty one; write one, or leave the option out")
        if not word.strip():
            place = f"{before}: " if before.startswith("--") and "=" not in before else ""
            raise UsageError(f"{place}expected a value, found an empty one; write one, or leave it out")
