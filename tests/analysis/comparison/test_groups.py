from __future__ import annotations

import statistics

import pytest

from cityseg.analysis.comparison.groups import Member, Spread, groups, spread
from cityseg.config import build


def scores(f1: float, fingerprint: str = "street") -> dict[str, object]:
    one = {"macro": {"f1": f1, "iou": f1 / 2}, "fingerprint": fingerprint, "size": [64, 128], "label_policy": "ids"}
    return {"val": one, "test": {**one, "macro": {"f1": f1 - 0.1, "iou": None}}}


def member(name: str, f1: float | None, group: str = "g", data: str = "street", **settings: object) -> Member:
    config = build({"group": group, **settings})
    return Member(name, config, f1 is not None, {} if f1 is None else scores(f1, data))


def test_runs_that_differ_in_the_seed_alone_are_put_together():
    (group,) = groups(
        [
            member("a", 0.30, seed=0, learning_rate=0.001),
            member("b", 0.36, seed=1, learning_rate=0.001),
            member("c", 0.50, seed=0, learning_rate=0.003),
            member("d", None, seed=1, learning_rate=0.003),
            member("e", 0.9, group="", seed=1, learning_rate=0.003),
        ]
    )
    assert group.name == "g"
    best, other = group.variants
    assert (best.settings, best.seeds, best.runs, best.unfinished) == ({"learning_rate": 0.003}, (0,), ("c",), ("d",))
    assert best.scores["val"]["f1"] == Spread(1, 0.5, None, 0.5, 0.5), "one seed has no spread"
    assert (other.seeds, other.runs, other.unfinished) == ((0, 1), ("a", "b"), ())
    assert other.scores["val"]["f1"] == Spread(2, pytest.approx(0.33), pytest.approx(0.06 / 2**0.5), 0.30, 0.36)
    assert other.scores["val"]["iou"].mean == pytest.approx(0.165)
    assert other.scores["test"]["f1"].mean == pytest.approx(0.23)
    assert "iou" not in other.scores["test"], "what was not measured is absent"


def test_the_deviation_is_the_sample_one():
    values = [0.31, 0.35, 0.33, 0.40]
    assert spread(values).deviation == pytest.approx(statistics.stdev(values))


def test_results_on_other_data_are_not_averaged():
    (group,) = groups([member("a", 0.3, seed=0), member("b", 0.5, seed=1, data="other"), member("c", None, seed=2)])
    assert [(one.runs, one.unfinished) for one in group.variants] == [(("b",), ()), (("a",), ("c",))]
    assert all(one.settings == {} for one in group.variants)


def test_a_repeated_seed_counts_once():
    (group,) = groups([member("newer", 0.3, seed=0), member("older", 0.3, seed=0), member("b", 0.5, seed=1)])
    assert group.variants[0].runs == ("newer", "b")
    assert group.variants[0].scores["val"]["f1"].n == 2


def test_groups_keep_their_order_and_unscored_variants_come_last():
    found = groups([member("a", None, "x", depth=1), member("b", 0.2, "y"), member("c", 0.1, "x", depth=2)])
    assert [group.name for group in found] == ["x", "y"]
    assert [variant.settings for variant in found[0].variants] == [{"depth": 2}, {"depth": 1}]
    assert found[0].variants[1].scores == {}
    assert groups([]) == []
