"""Comparisons and rankings: pure functions over stored results.

Confusion matrices are counts with rows = ground truth and columns = prediction: ``matrices`` (N, 19, 19) of N frames,
``confusion`` (19, 19) of a split. Of two results, ``first`` is the baseline and ``second`` the candidate, on the same
frames in the same order. Label maps (``truth``, ``predicted``, ``train_ids``) are (H, W) uint8 train ids, 255 for void.
"""
