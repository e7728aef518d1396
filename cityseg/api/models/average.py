"""Weight averaging: a model whose weights are the mean of several models' (a uniform model soup)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cityseg import checkpoint
from cityseg.api.data.connect import data_info
from cityseg.api.data.prepare import prepare_scored
from cityseg.api.results.folders import find_result_folder, shipped_folders
from cityseg.api.results.listing import Result, find_result
from cityseg.api.training.create_run import expect_trained
from cityseg.checkpoint import ModelCard
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.runtime.device import best_device, device_name
from cityseg.engine.scoring import score_into
from cityseg.errors import DataError, UsageError
from cityseg.jobs import queue
from cityseg.jobs.heartbeat import beating
from cityseg.progress import OnProgress
from cityseg.runs import create_run

_SAME = {"architecture": "network", "arguments": "network", "image_size": "frame size", "normalization": "input"}


def average(
    models: Sequence[str],
    spec: str | None = None,
    *,
    name: str = "",
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Average the weights of several models into a new finished run, and score it on val and test.

    A uniform soup (Wortsman et al., "Model soups", arXiv 2203.05482, section 2). It helps for models fine-tuned from
    the same weights, for example with several seeds; the mean of unrelated models is useless.

    Args:
        models: at least two different MODELs of one network, input size and normalization.
        spec: dataset to score on, with val frames.
        name: preferred id of the run; by default derived from the first model's.

    Returns:
        The new run, with the first model's config; its ``config.json`` and model card name all models.

    Raises:
        UsageError: fewer than two models, one of them twice, still in training, or incompatible.
    """
    names = [Path(model).name for model in models]
    folders = [find_result_folder(model, runs).checkpoint for model in models]
    if len(folders) < 2 or len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError(f"expected two or more different models to average, found {', '.join(names) or 'none'}")
    for model, folder in zip(models, folders, strict=True):
        expect_trained(model, folder)
    loaded = [checkpoint.load(folder) for folder in folders]
    (network, card), *others = loaded
    for model, (_, other) in zip(names[1:], others, strict=True):
        _expect_compatible(names[0], card, model, other)
    splits = prepare_scored(spec, card.image_size, on_progress)
    info, device = data_info(spec), best_device()
    if "val" not in splits:
        raise DataError(f"{info.name}: expected val frames to score the mean on, found none; add some")
    network.load_state_dict(mean_weights([each.state_dict() for each, _ in loaded]))
    trained_on = " and ".join(dict.fromkeys(each.trained_on for _, each in loaded))
    card = replace(
        card,
        trained_on=trained_on,
        measured_on=info.description if info.description != trained_on else "",
        training={**card.training, "averaged": names, "seconds": _seconds([each for _, each in loaded])},
        scores={},
        speed={},
    )
    first = find_result(models[0], runs)
    taken = tuple(folder.name for folder in shipped_folders())
    data = {"spec": info.spec, "name": info.description}
    made = {"averaged": names, "device": device_name(device), "data": data}
    run = create_run(first.config, name or f"{first.id}-mean", runs, taken, **made)
    try:
        queue.claim(run)
        with beating(run):
            checkpoint.save(run.folder / "best", network, card)
            card = score_into(run, network, card, splits, device, on_progress)
            speed = measure_speed(network, card.image_size, card.normalization, device)
            checkpoint.write_card(run.folder / "best", replace(card, speed=speed))
        run.write_status(state="finished")
    except BaseException:
        # Nothing was trained, so an unfinished average is not worth keeping.
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return find_result(run.id, runs)


def mean_weights(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of state dicts of one network, computed in float64; integer entries are the first one's."""
    return {
        key: torch.stack([state[key].double() for state in states]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for key, value in states[0].items()
    }


def _expect_compatible(first: str, card: ModelCard, name: str, other: ModelCard) -> None:
    for attribute, word in _SAME.items():
        mine, others = getattr(card, attribute), getattr(other, attribute)
        if mine != others:
            raise UsageError(
                f"expected models of one {word}, found {first} with {mine} and {name} with {others}; average models "
                "that were fine-tuned from the same weights"
            )


def _seconds(cards: Sequence[ModelCard]) -> float | None:
    """Return the summed training time of all models, None if one is unknown."""
    each: list[Any] = [card.training.get("seconds") for card in cards]
    return None if None in each else round(sum(each), 1)
