"""Property tests: whatever stands where a config is read, the outcome is a config or one of the project's errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg.config import SETTINGS, ExperimentConfig, build, load, override, parse_size, sweep
from cityseg.errors import UsageError
from cityseg.models.tta import parse_scales

pytestmark = pytest.mark.parser

NAMES = st.sampled_from([*SETTINGS]) | st.text(max_size=12)
ODD_TEXT = (
    st.text(max_size=20)
    | st.text(st.characters(codec=None), max_size=8)  # lone surrogates too
    | st.sampled_from(
        ["9" * 5000, "-" + "9" * 5000, "1e999", "NaN", "-Infinity", "[" * 5000, '{"a":' * 5000, "~nobody/x"]
    )
    | st.sampled_from(["128x256", "128x", "x", "²x²", "[1, 2]", "true", "null", '"', "=", ",", "..", "1..2:log"])
    | st.integers().map(str)
    | st.floats().map(str)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
BASE = ExperimentConfig()


def parsed_or_refused(parse, *arguments):
    """Return the parsed value, or None if it is refused in one sentence of bounded length."""
    try:
        return parse(*arguments)
    except UsageError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert len(sentence) < 5000
    return None


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_config_of_any_values_is_valid_or_refused(values):
    config = parsed_or_refused(build, values)
    if config is not None:
        assert build(json.loads(config.model_dump_json())) == config


@given(st.lists(st.builds("{}{}{}".format, NAMES, st.sampled_from(["=", "= ", "", ":"]), ODD_TEXT), max_size=4))
def test_any_words_of_set_are_a_config_or_refused(words):
    config = parsed_or_refused(override, BASE, words)
    assert config is None or isinstance(config, ExperimentConfig)


@given(
    st.binary(max_size=60)
    | VALUES.map(json.dumps).map(str.encode)
    | st.dictionaries(NAMES, VALUES, max_size=4).map(json.dumps).map(str.encode)
    | st.sampled_from(
        [b"[" * 100_000, b'{"epochs": ' + b"9" * 5000 + b"}", b'{"epochs": 1, "epochs": 2}', b"\xff\xfe{"]
    )
)
def test_any_file_is_a_config_or_refused(tmp_path, content):
    (tmp_path / "settings.json").write_bytes(content)
    config = parsed_or_refused(load, tmp_path / "settings.json")
    assert config is None or isinstance(config, ExperimentConfig)


@given(ODD_TEXT)
def test_any_text_is_a_size_seeds_scales_a_list_and_a_range_or_refused(text):
    size = parsed_or_refused(parse_size, text)
    assert size is None or all(0 < side <= 16384 for side in size)
    for parse in (sweep.parse_seeds, sweep.parse_list, sweep.parse_range, parse_scales):
        parsed_or_refused(parse, text)


@given(
    st.dictionaries(NAMES, st.lists(ODD_TEXT, max_size=3), max_size=2),
    st.dictionaries(NAMES, st.builds(sweep.Range, st.floats(0, 5), st.floats(5, 9), st.just("linear")), max_size=2),
    st.none() | st.integers(-2, 8),
    st.lists(st.integers(0, 2**40), max_size=3, unique=True),
)
def test_any_sweep_is_configs_or_refused(lists, ranges, draws, seeds):
    configs = parsed_or_refused(sweep.expand, BASE, sweep.Sweep(lists, ranges, draws, tuple(seeds)), "g")
    assert configs is None or all(isinstance(config, ExperimentConfig) for config in configs)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[" * 100_000, "found something else (expected a JSON object, found one nested too deeply)"),
        ('{"epochs": 3, "epochs": 5}', "found something else ('epochs' appears twice)"),
        ('{"epoch": 3}', "unknown setting 'epoch': did you mean epochs? expected one of preset, "),
        (
            '{"epochs": "' + "9" * 5000 + '"}',
            "epochs: unable to parse input string as an integer, exceeded maximum size",
        ),
        (
            '{"group": "\\ud800"}',
            "found something else (expected text, found half of a pair of surrogates)",
        ),
    ],
)
def test_odd_files_are_refused_with_their_reason(tmp_path: Path, content, sentence):
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(UsageError) as refused:
        load(tmp_path / "settings.json")
    assert sentence in str(refused.value)


def test_a_size_has_two_sides_of_bounded_length():
    assert parse_size("128x256") == (128, 256)
    for text in ("9" * 5000 + "x8", "0x8", "8", "²x8"):
        with pytest.raises(UsageError, match="expected a size as HxW"):
            parse_size(text)
    with pytest.raises(UsageError, match="expected a size of at most 16384 pixels on each side, found '99999x8'"):
        parse_size("99999x8")
