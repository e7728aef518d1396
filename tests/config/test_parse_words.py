"""``KEY=VALUE`` words whose values look like another type."""

from __future__ import annotations

import pytest

from cityseg.config import ExperimentConfig, override
from cityseg.errors import UsageError

BASE = ExperimentConfig()


@pytest.mark.parametrize(
    ("text", "group"), [("2024", "2024"), ("true", "true"), ('"quoted"', "quoted"), ("1e3", "1e3")]
)
def test_a_name_may_look_like_a_number(text, group):
    assert override(BASE, [f"group={text}"]).group == group


@pytest.mark.parametrize("setting", ["epochs", "learning_rate"])
@pytest.mark.parametrize("text", ["true", "False"])
def test_true_is_no_number(setting, text):
    with pytest.raises(UsageError, match=f"^{setting}: expected a number, found {text.lower()}$"):
        override(BASE, [f"{setting}={text}"])


def test_a_setting_is_named_once():
    with pytest.raises(UsageError, match=r"expected every setting once, found .epochs. twice"):
        override(BASE, ["epochs=1", "epochs = 2"])
