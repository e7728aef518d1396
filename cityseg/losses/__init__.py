"""Losses on logits: a module per term, combined in ``segmentation.SegmentationLoss``."""
