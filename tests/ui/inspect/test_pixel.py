"""The sentence on how reliable a predicted class is."""

from __future__ import annotations

import numpy as np

from cityseg.analysis.errors.frame_errors import truth_given_prediction
from cityseg.classes import CLASS_NAMES
from cityseg.ui.inspect.pixel import reliability_sentence


def test_reliability_sentence_reads_a_column_of_the_matrix():
    bus, truck, car, road = (CLASS_NAMES.index(name) for name in ("bus", "truck", "car", "road"))
    confusion = np.zeros((19, 19), np.int64)
    confusion[bus, bus], confusion[truck, bus], confusion[car, bus], confusion[road, bus] = 50, 30, 19, 1
    confusion[bus, car] = 900  # buses predicted as cars: not in the column of bus
    shares = truth_given_prediction(confusion, bus)
    np.testing.assert_allclose(shares[[bus, truck, car, road]], [0.5, 0.3, 0.19, 0.01])
    assert shares.sum() == 1
    assert reliability_sentence("model", confusion, bus, "val") == (
        "Pixels that model predicts as bus are bus 50.0 % of the time on val, truck 30.0 %, car 19.0 %, road 1.0 %."
    )
    assert reliability_sentence("model", confusion, road, "test") == "model never predicts road on test."
