"""Every file of a run folder is damaged in many ways: only our errors come out, and the run beside it is untouched."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cityseg import api
from cityseg.api.results.label_audit import find_audit, read_verdicts
from cityseg.api.results.robustness import find_robustness
from cityseg.api.training.create_run import run_to_resume
from cityseg.engine import resume
from cityseg.errors import CitysegError
from cityseg.files import read_arrays
from cityseg.jobs import queue
from cityseg.runs import Run, read_probe
from tests.runs.conftest import FRAMES, PRINT

PHOTO = np.zeros((8, 16, 3), np.uint8)
WORDS = (
    *("null", "{}", "[]", '"x"', '""', "true", "-1", "0", "0.5", "1e308", "1e400", "NaN", "-Infinity", "1" * 400),
    *('"\\ud800"', '"a\\u0000b"', "[" * 100_000, '"2026-01-01"', '{"macro": {}}', "[1, 2]", "9007199254740993"),
)
"""JSON texts that take the place of a value."""


def _bytes(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    place = draw.randrange(len(content) + 1)
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: content[:place],
        lambda: content[:place] + b"\n",
        lambda: content[:place] + b"\n\n" + content[place:],
        lambda: content[:place] + bytes(300),
        lambda: content + bytes(64) + b"\n",
        lambda: content[:place] + draw.randbytes(8) + content[place + 8 :],
        lambda: content[place:],
        lambda: content + content,
        lambda: draw.randbytes(200),
        lambda: "\u00fcml\u00e4ut".encode("latin-1") + content,
    )
    path.write_bytes(draw.choice(ways)())


def _entry(path: Path, draw: random.Random) -> None:
    others = [other for other in path.parent.iterdir() if other.is_file() and other != path]
    path.unlink()
    kind = draw.choice(("gone", "folder", "link", "loop", "pipe", "other"))
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "other" and others:
        shutil.copyfile(draw.choice(sorted(others)), path)


def _json(path: Path, draw: random.Random) -> None:
    """Replace, drop or add one value at a random depth of a JSON document, or of one line of several."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = draw.randrange(len(lines))
    document = json.loads(lines[at])
    holder: Any = document
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = draw.choice(keys)
        if isinstance(holder[key], dict | list) and holder[key] and draw.random() < 0.6:
            holder = holder[key]
            continue
        break
    if draw.random() < 0.25:
        del holder[key]
        text = json.dumps(document)
    else:
        holder[key] = "\N{BLACK SQUARE}"
        text = json.dumps(document, ensure_ascii=False).replace('"\N{BLACK SQUARE}"', draw.choice(WORDS), 1)
    lines[at] = text
    path.write_text("\n".join(lines) + "\n")


def _arrays(path: Path, draw: random.Random) -> None:
    arrays = read_arrays(path)
    key = draw.choice(sorted(arrays))
    array = arrays[key]
    ways: tuple[Callable[[], Any], ...] = (
        lambda: array[:0] if array.ndim else np.zeros(0),
        lambda: array[:1] if array.ndim else array[None],
        lambda: array[..., :-1] if array.ndim else np.array([array, array]),
        lambda: array[None],
        lambda: np.array(0),
        lambda: array.astype(object),
        lambda: np.full(array.shape, np.nan),
        lambda: np.full(array.shape, -1),
        lambda: np.full(array.shape, 2**62),
        lambda: np.full(array.shape, 1e30, np.float32),
        lambda: np.full(array.shape, "x"),
        lambda: np.repeat(array, 2, 0) if array.ndim else array,
        lambda: array.astype(complex) if array.dtype.kind != "U" else array,
    )
    changed = draw.choice(ways)()
    if draw.random() < 0.2:
        del arrays[key]
    else:
        arrays[key] = changed
    np.savez(path, **arrays)


def _weights(path: Path, draw: random.Random) -> None:
    weights = {name: value.clone() for name, value in load_file(path).items()}
    name = draw.choice(sorted(weights))
    ways: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
        lambda value: torch.full_like(value, float("nan")) if value.is_floating_point() else value[None],
        lambda value: torch.full_like(value, float("inf")) if value.is_floating_point() else value[None],
        lambda value: -value - 1,
        lambda value: value[None],
        lambda value: value.reshape(-1)[:0],
        lambda value: torch.zeros(3),
    )
    weights[name] = draw.choice(ways)(weights[name])
    if draw.random() < 0.2:
        del weights[name]
    save_file(weights, path)


def damage(folder: Path, draw: random.Random) -> str:
    """Damage one file of a run in a random way and return what was done."""
    path = draw.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    ways = [_bytes, _entry]
    if path.suffix in (".json", ".jsonl"):
        ways += [_json] * 4
    if path.suffix == ".npz":
        ways += [_arrays] * 4
    if path.suffix == ".safetensors":
        ways += [_weights] * 2
    way = draw.choice(ways)
    way(path, draw)
    return f"{way.__name__} of {path.relative_to(folder)}"


def verbs(name: str, good: str, run: Run) -> list[Callable[[], object]]:
    """Return what a user may do with one run."""
    audit: list[Any] = []

    def verdicts() -> None:
        audit.append(find_audit(name, "val", PRINT))
        if audit[0]:
            read_verdicts(audit[0])

    def shift() -> None:
        photo = PHOTO
        api.distribution_shift(name, photo, api.load_predictor(good).predict(photo))

    return [
        lambda: json.dumps(api.find_result(name).as_dict(), allow_nan=False).encode(),
        lambda: run.history(),
        lambda: api.compare([good, name], "val").as_dict(),
        lambda: api.compare([name, good], "test"),
        lambda: json.dumps(api.inspect(name, "val"), allow_nan=False),
        lambda: api.load_predictor(name).predict(PHOTO),
        shift,
        lambda: find_robustness(name, "val", PRINT),
        verdicts,
        lambda: [read_probe(path) for paths in run.probes().values() for path in paths],
        lambda: run.log_tail(),
        lambda: run_to_resume(name),
        lambda: resume.load(run, torch.device("cpu")),
        lambda: run.truncate_history(3),
        lambda: api.resume(name),
        lambda: api.stop(name),
        lambda: api.withdraw([name]),
    ]


def check_damages(whole_run: Callable[..., Run], seeds: range) -> None:
    good = whole_run("good", 1)
    whole = whole_run("bad", 2)
    assert find_audit("good", "val", PRINT)
    assert find_robustness("good", "val", PRINT)
    pristine = whole.folder.parent.parent / "pristine"
    shutil.move(whole.folder, pristine)
    expected = api.find_result("good").as_dict()
    for seed in seeds:
        draw = random.Random(seed)
        shutil.copytree(pristine, whole.folder)
        done = damage(whole.folder, draw)
        try:
            listing = api.list_all(shipped=False)
            assert [result.as_dict() for result in listing.results if result.id == "good"] == [expected]
            listed = [result.id for result in listing.results] + [one.id for one in listing.damaged]
            assert sorted(listed) == ["bad", "good"]
            json.dumps([result.as_dict() for result in listing.results], allow_nan=False).encode()
            for one in listing.damaged:
                assert one.reason.isprintable()
                assert any(words in one.reason for words in ("expected", "should be", "unknown"))
            for verb in verbs("bad", "good", Run(whole.folder)):
                with contextlib.suppress(CitysegError):
                    verb()
            assert queue.read().free <= 1
            api.inspect("good", "val")
            _end(whole)
            api.delete("bad")
            assert not os.path.lexists(whole.folder)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {done}: {error!r}") from error
    assert good.confusions("val").frames == FRAMES


def _end(run: Run) -> None:
    """End a run that ``resume`` has queued: no process is started in these tests."""
    path = run.folder / "status.json"
    if path.is_file() and '"queued"' in path.read_text(errors="replace"):
        path.write_text('{"state": "stopped"}')


def test_a_damaged_run_raises_our_errors_alone_and_spoils_no_other(whole_run, launches):
    check_damages(whole_run, range(60))


def readers(name: str, run: Run, damaged: str) -> list[Callable[[], object]]:
    """Return what reads the damaged file of a run."""

    def result() -> object:
        return json.dumps(api.find_result(name).as_dict(), allow_nan=False).encode()

    def verdicts() -> None:
        audit = find_audit(name, "val", PRINT)
        if audit:
            read_verdicts(audit)

    split = "test" if "-test" in damaged else "val"
    by_file: dict[str, list[Callable[[], object]]] = {
        "config.json": [result, run.config],
        "status.json": [result, run.status],
        "history": [result, run.history],
        "log": [run.log_tail],
        "confusion": [result, lambda: run.confusions(split), lambda: run.confusions(split, "last")],
        "detail": [result, lambda: run.detail(split)],
        "robustness": [lambda: find_robustness(name, "val", PRINT)],
        "audit": [verdicts],
        "verdicts": [verdicts],
        "probes": [lambda: [read_probe(path) for paths in run.probes().values() for path in paths]],
        "best/model.json": [result, lambda: api.load_predictor(name)],
        "best": [lambda: api.load_predictor(name)],
        "last": [lambda: resume.load(run, torch.device("cpu"))],
        "previous": [lambda: resume.load(run, torch.device("cpu"))],
    }
    return next(found for beginning, found in by_file.items() if damaged.startswith(beginning))


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_reader_of_a_damaged_run_answers_or_refuses(whole_run, count, caplog):
    caplog.set_level(logging.ERROR)
    run = whole_run("bad")
    contents = {path: path.read_bytes() for path in sorted(run.folder.rglob("*")) if path.is_file()}
    sentences: list[str] = []
    for seed in range(count):
        done = damage(run.folder, random.Random(seed))
        file = done.rpartition(" of ")[2]
        for read in readers("bad", run, file):
            try:
                read()
            except CitysegError as refused:
                sentences.append(str(refused))
            except Exception as error:
                raise AssertionError(f"seed {seed}, {done}: {error!r}") from error
        _restore(run.folder / file, contents)
    assert len(sentences) > count / 2
    assert not [sentence for sentence in sentences if "\n" in sentence]


def _restore(path: Path, contents: dict[Path, bytes]) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    elif os.path.lexists(path):
        path.unlink()
    path.write_bytes(contents[path])


@pytest.mark.fuzz
def test_many_more_damages(whole_run, launches):
    """A thousand: each takes half a second, with two runs made and read by every verb."""
    check_damages(whole_run, range(1000, 2_000))


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: {"frame": stored["frame"] + 7},
        lambda stored: {"pair": stored["pair"] + 19},
        lambda stored: {"confidence": stored["confidence"] + 1},
        lambda stored: {"box": stored["box"][:, ::-1]},
        lambda stored: {"box": stored["box"] * 9},
        lambda stored: {"bands": stored["bands"][:, :3]},
        lambda stored: {"shapes": stored["shapes"][:2]},
        lambda stored: {"sizes": -stored["sizes"].astype(int)},
    ],
)
def test_an_audit_with_wrong_values_counts_as_none(whole_run, change):
    path = whole_run("good").folder / "audit-val.npz"
    assert find_audit("good", "val", PRINT)
    stored = read_arrays(path)
    np.savez(path, **{**stored, **change(stored)})
    assert find_audit("good", "val", PRINT) is None
