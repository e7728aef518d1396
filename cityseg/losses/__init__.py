"""Losses on logits: a module per term, combined in ``segmentation.SegmentationLoss``.

Arguments that recur: ``logits``, (N, C, H, W) float32; ``labels``, (N, H, W) int64 train ids, of which ``IGNORE_INDEX``
is void; ``class_weights``, (C,) weights of cross-entropy, or None for equal ones; ``spread``, whether the other
processes hold the rest of the batch.
"""
