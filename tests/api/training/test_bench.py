from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from cityseg import api, cli, config
from cityseg.config import presets
from cityseg.data.prepared import cache
from cityseg.engine.bench import limits
from cityseg.engine.bench import throughput as measuring
from cityseg.engine.bench.stopwatch import Stopwatch
from cityseg.engine.bench.throughput import Memory
from cityseg.errors import UsageError

SIDES = {"epoch": ("epoch", "step"), "evaluation": ("evaluation", "forward"), "cache": ("cached", "decoded")}


@pytest.fixture(scope="module")
def measured(streets):
    rounds: list[tuple[int, int]] = []
    settings = config.override(presets.preset("better-1"), ["image_size=32x64", "batch_size=4", "ema_decay=0.9"])
    # It is measured without the models that a recipe builds on, whether they are there or not.
    settings = config.override(settings, ["initial=nowhere", "teacher=nowhere"])
    result = api.bench(settings, str(streets), frames=10, rounds=1, on_round=lambda *turn: rounds.append(turn))
    return result, rounds


def test_each_ratio_has_both_sides(measured):
    document = measured[0].as_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == json.loads(json.dumps(document))
    assert set(document["ratios"]) == set(SIDES)
    for name, (side, against) in SIDES.items():
        figures = document["ratios"][name]
        assert figures["ratio"] == figures[f"{side}_frames_per_second"] / figures[f"{against}_frames_per_second"] > 0
        assert figures["processor_ratio"] > 0
    assert {name: figures["wanted"] for name, figures in document["ratios"].items()} == {
        "epoch": 0.95,
        "evaluation": 0.9,
        "cache": None,
    }


def test_result_names_config_data_and_machine(measured):
    document = measured[0].as_dict()
    assert (document["frames"], document["rounds"], document["native_size"]) == (10, 1, (64, 128))
    assert document["config"]["preset"] == "better-1"
    assert document["machine"]["torch"] == torch.__version__
    assert document["machine"]["instructions"].endswith("bfloat16 instructions")
    step = document["ratios"]["epoch"]["step_frames_per_second"]
    assert document["step_gflops"] == pytest.approx(step * document["gflop_per_frame"])
    assert document["matmul_gflops"] > 0
    assert document["decode_milliseconds"] > 0


def test_memory_is_measured_after_every_epoch(measured):
    result, rounds = measured
    memory = result.as_dict()["memory"]
    assert len(memory["after_epochs"]) == 2
    assert memory["peak"] > 10**7
    assert memory["growth"] == 0
    assert rounds == [(turn, 4) for turn in range(1, 5)]


def test_growth_is_counted_from_the_second_epoch():
    assert Memory(9, (1, 5, 6, 8)).growth == 3
    assert Memory(9, (4,)).growth == 0
    assert Memory(9, (None, None)).growth is None


def test_the_best_round_after_the_first_counts():
    watch = Stopwatch(torch.device("cpu"))
    for wall, processor in ((0.1, 0.1), (2.0, 3.0), (1.0, 4.0)):
        watch.note("one", np.array([wall, processor]))
        watch.note("other", np.array([4 * wall, 2 * processor]))
    ratio = watch.ratio("one", 10, "other", 20)
    assert (ratio.frames_per_second, ratio.against) == (10.0, 5.0)
    assert (ratio.ratio, ratio.processor_ratio) == (2.0, 1.0)


def test_operations_are_counted_by_hand():
    settings = config.build({"start_channels": 2, "depth": 0, "image_size": (8, 8)})
    convolutions = {"down": [(3, 2, 64), (2, 2, 64), (2, 4, 16), (4, 4, 16)], "up": [(4, 2, 64), (2, 2, 64)]}
    forward = sum(9 * a * b * pixels for convs in convolutions.values() for a, b, pixels in convs)
    forward += 4 * 2 * 64 + 2 * 19 * 64  # the transposed convolution of 2x2 by stride 2, and the head
    # Each pass back costs as much twice, but nothing asks for the gradient of the photos.
    expected = 2 * (3 * forward - 9 * 3 * 2 * 64)
    assert limits.gflop_per_frame(settings) * 1e9 == pytest.approx(expected)


def test_frames_repeat_in_their_order(cached_split):
    source = cached_split(frames=3)
    split = measuring.repeated(source, 7)
    assert len(split) == len(set(split.meta.frames)) == 7
    np.testing.assert_array_equal(split.photos, source.photos[[0, 1, 2, 0, 1, 2, 0]])
    np.testing.assert_array_equal(split.labels, source.labels[[0, 1, 2, 0, 1, 2, 0]])


def test_decoding_gives_the_frames_that_the_cache_holds(streets, session_cache):
    dataset = api.connect(str(streets))
    cached = cache.prepare(dataset, "train", (64, 128), root=session_cache)
    decoded = measuring.DecodedSplit(cached, torch.device("cpu"), dataset.frames("train"), dataset.table)
    photos, labels = decoded.at(torch.tensor([4, 1]))
    np.testing.assert_array_equal(photos.numpy(), cached.photos[[4, 1]])
    np.testing.assert_array_equal(labels.numpy(), cached.labels[[4, 1]])


def test_fewer_frames_than_a_batch_are_refused():
    with pytest.raises(UsageError, match="expected at least a batch of 256 frames, found 100; raise frames or lower"):
        api.bench(presets.preset("experiment-1"), frames=100)


def test_no_round_is_refused(streets):
    with pytest.raises(UsageError, match="expected at least 1 round, found 0"):
        api.bench(presets.preset("better-1"), str(streets), rounds=0)


def test_lines_show_both_sides(measured):
    lines = list(cli.bench.lines(measured[0]))
    assert lines[0].startswith("better-1 at 32x64 in bfloat16, batches of 4, on CPU")
    assert lines[1] == "10 frames of 64x128 from streets, best of 1 round"
    for words in ("a whole epoch", "an evaluation pass", "training from the cache", "limit: ", "memory: "):
        assert any(line.startswith(words) for line in "\n".join(lines).splitlines())


def test_the_command_line_prints_json_and_leaves_nothing(workplace, cityseg, streets):
    words = ("--set", "image_size=16x32", "--set", "batch_size=4", "--set", "precision=float32")
    document = json.loads(cityseg("bench", "--data", streets, *words, "--frames", 4, "--rounds", 1, "--json").out)
    assert set(document["ratios"]) == set(SIDES)
    assert not list(workplace.iterdir())


def test_an_unknown_folder_is_one_sentence(cityseg):
    answer = cityseg("bench", "--data", "nowhere")
    assert answer.code == 2
    assert answer.err.splitlines()[-1].startswith("cityseg: nowhere: expected a folder with leftImg8bit/ and gtFine/")


GROWTH = """
import sys
from pathlib import Path
import numpy as np, torch
from cityseg import config
from cityseg.config import presets
from cityseg.data.prepared.build_cache import SplitMeta
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.bench import throughput as bench
torch.set_num_threads(1)
settings = config.override(presets.preset("better-1"), ["image_size=32x64", "start_channels=4", "depth=1", "epochs=10",
    "batch_size=4", "brightness=0.3", "scale_max=2", "cutmix=0.5", "ema_decay=0.9", "precision=float32"])
photos = np.zeros((24, 32, 64, 3), np.uint8)
meta = SplitMeta(tuple(map(str, range(24))), ("",) * 24, "", (32, 64))
split = CachedSplit(photos, photos[..., 0], meta, Path())
print(*bench.steps(settings, split, torch.device("cpu"), Path(sys.argv[1]), lambda: None)[1].after_epochs)
"""


def test_memory_does_not_grow_from_epoch_to_epoch(workplace):
    answer = subprocess.run(
        [sys.executable, "-c", GROWTH, "runs"], capture_output=True, text=True, timeout=200, check=True
    )
    held = [int(word) for word in answer.stdout.split()]
    # Logits that stay would be 7 MB in each epoch. Once warm, an epoch adds a third of a megabyte at most, but now and
    # then the heap takes a step of two for good, so the usual epoch is asked for.
    growth = np.diff(held[3:])
    assert np.median(growth) < 2**21
