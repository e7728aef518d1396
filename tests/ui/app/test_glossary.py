from __future__ import annotations

import pytest

from cityseg.ui.app import glossary


@pytest.mark.parametrize(
    ("field", "label"),
    [("batch_size", "batch size"), ("warmup_steps", "warm-up steps"), ("ema_decay", "EMA decay"), ("cutmix", "CutMix")],
)
def test_labels_in_a_sentence_keep_their_acronyms(field, label):
    assert glossary.label_in_sentence(field) == label
