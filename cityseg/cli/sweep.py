"""``cityseg sweep``: queue runs of one config with several values of some settings, as one group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cityseg import api
from cityseg.analysis.comparison.groups import Spread, Variant
from cityseg.cli.common import counted, figure, print_damaged, print_result, table
from cityseg.cli.options import ConfigFile, Data, Json, Preset, Runs, build_config
from cityseg.config.sweep import Sweep, expand, parse_list, parse_range, parse_seeds
from cityseg.errors import UsageError

_COLUMNS = (("val", "f1"), ("val", "iou"), ("test", "f1"), ("test", "iou"))


def sweep(
    group: Annotated[str, typer.Option(help="Name that ties the runs together.")],
    preset: Preset = None,
    config_file: ConfigFile = None,
    data: Data = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, the same for all runs.")] = None,
    grid: Annotated[list[str] | None, typer.Option(help="KEY=VALUE,VALUE: train every combination.")] = None,
    draws: Annotated[
        int | None, typer.Option("--random", help="Sample this many combinations instead of the grid.")
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            help="KEY=LOW..HIGH to sample from with --random; log-uniform from a factor of 10 on, or append :log or "
            ":linear.",
        ),
    ] = None,
    draw_seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    seeds: Annotated[str, typer.Option(help="0,1,2: train every combination with each seed.")] = "",
    runs: Runs = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the runs without creating them.")] = False,
    as_json: Json = False,
) -> None:
    """Queue a grid or random search after checking every run of it."""
    base = build_config(preset, config_file, settings)
    lists = _once([parse_list(text) for text in grid or []], "--grid")
    bounds = _once([parse_range(text) for text in ranges or []], "--range")
    fixed = {word.partition("=")[0].strip() for word in settings or []}
    varied = [*lists, *bounds, *(["seed"] if seeds else [])]
    if twice := [field for field in varied if field in fixed]:
        raise UsageError(f"{twice[0]}: expected it set or varied, found both; leave one out")
    configs = expand(base, Sweep(lists, bounds, draws, parse_seeds(seeds), draw_seed), group)
    ids = [] if dry_run else api.launch_sweep(configs, data, runs)
    fields = (*lists, *bounds, "seed")
    rows = [
        (ids[place] if ids else str(place + 1), *(str(getattr(one, field)) for field in fields))
        for place, one in enumerate(configs)
    ]
    words = f"{counted(len(configs), 'run')} of group {configs[0].group} {'would be queued' if dry_run else 'queued'}"
    document = {"group": configs[0].group, "ids": ids, "configs": [one.model_dump(mode="json") for one in configs]}
    print_result(as_json, document, [words, *table(("run", *fields), rows)])


def groups(runs: Runs = None, as_json: Json = False) -> None:
    """Show groups of runs: mean and spread over the seeds of every config."""
    listing = api.list_all(runs, shipped=False)
    found = api.list_groups(results=listing.results)
    lines: list[str] = []
    for group in found:
        rows = [_row(variant) for variant in group.variants]
        lines += [group.name, *(f"  {line}" for line in table(("settings", "seeds", *_headings()), rows))]
    document = [{"name": group.name, "variants": [_document(variant) for variant in group.variants]} for group in found]
    print_result(as_json, document, lines or ["no run has a group; give runs one with --set group=NAME"])
    print_damaged(listing)


def _once(pairs: list[tuple[str, Any]], option: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, values in pairs:
        if field in found:
            raise UsageError(f"{field}: expected {option} once for a setting, found it twice; put all into one")
        found[field] = values
    return found


def _headings() -> Iterable[str]:
    names = {"f1": "macro F1", "iou": "mean IoU"}
    return [f"{split} {names[metric]}" for split, metric in _COLUMNS]


def _row(variant: Variant) -> tuple[str, ...]:
    settings = ", ".join(f"{field}={value}" for field, value in variant.settings.items()) or "–"
    missing = f" of {len(variant.seeds) + len(variant.unfinished)}" if variant.unfinished else ""
    cells = [_cell(variant.scores.get(split, {}).get(metric)) for split, metric in _COLUMNS]
    return settings, f"{len(variant.seeds)}{missing}", *cells


def _cell(found: Spread | None) -> str:
    """Format a score as mean ± sample standard deviation, a dash for a single seed."""
    return figure(None) if found is None else f"{figure(found.mean)} ± {figure(found.deviation)}"


def _document(variant: Variant) -> dict[str, Any]:
    return {
        "settings": dict(variant.settings),
        "seeds": list(variant.seeds),
        "runs": list(variant.runs),
        "unfinished": list(variant.unfinished),
        "scores": {
            split: {metric: vars(found) for metric, found in metrics.items()}
            for split, metrics in variant.scores.items()
        },
    }
