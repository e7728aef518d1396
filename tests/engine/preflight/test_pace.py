from __future__ import annotations

import torch

from cityseg.engine.preflight import pace
from cityseg.engine.preflight.pace import Pace, measure_pace, seconds_to_finish

CPU = torch.device("cpu")


def made_up(**changes) -> Pace:
    plain = {
        "step_seconds": 2.0,
        "half_step_seconds": None,
        "first_step_seconds": 5.0,
        "evaluation_seconds": 0.5,
        "scoring_seconds": 0.25,
        "steps": 8,
        "peak_bytes": 1,
        "batch_size": 4,
        "source": "frames",
    }
    return Pace(**{**plain, **changes})


def test_the_time_to_finish_is_steps_and_evaluations(tiny):
    frames = {"train": 10, "val": 4, "test": 2}
    config = tiny(epochs=3, batch_size=4, half_size_epochs=0)
    # three steps in each of three epochs, three passes over val, both splits at the end, three seconds to set up
    assert seconds_to_finish(config, made_up(), frames) == 3 * 3 * 2 + 3 * 4 * 0.5 + 6 * 0.25 + 3
    halved = made_up(half_step_seconds=0.5)
    assert seconds_to_finish(tiny(epochs=3, batch_size=4, half_size_epochs=1), halved, frames) == (
        3 * (2 * 2 + 0.5) + 3 * 4 * 0.5 + 6 * 0.25 + 4.5
    )


def test_real_steps_are_timed_on_frames_or_on_noise(tiny, cached_split):
    config = tiny(batch_size=3)
    splits = {"train": cached_split(5, (32, 64)), "val": cached_split(2, (32, 64), seed=1)}
    seen: list[tuple[int, int]] = []
    measured = measure_pace(config, splits, 3, CPU, lambda *counts: seen.append(counts))
    assert (measured.source, measured.batch_size, measured.steps) == ("frames", 3, pace.TIMED_STEPS)
    assert measured.half_step_seconds is not None
    assert measured.half_step_seconds > 0
    assert 0 < measured.step_seconds <= measured.first_step_seconds + 1
    assert measured.scoring_seconds == measured.evaluation_seconds, "float32 in training already"
    assert measured.peak_bytes > 2**20
    assert seen[-1][0] == seen[-1][1] == 21
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    noise = measure_pace(tiny(batch_size=3, half_size_epochs=0, precision="bfloat16"), None, 3, CPU)
    assert (noise.source, noise.batch_size, noise.half_step_seconds) == ("noise", 3, None)


def test_slow_steps_are_few(tiny, cached_split, monkeypatch):
    monkeypatch.setattr(pace, "TIMED_SECONDS", 0.0)
    splits = {"train": cached_split(4, (32, 64)), "val": cached_split(1, (32, 64))}
    assert measure_pace(tiny(half_size_epochs=0), splits, 2, CPU).steps == 3
