"""Datasets: layouts, the synthetic dataset, the cache, augmentation, and batches on the training device.

Recurring arguments: ``dataset`` is a connected dataset, ``size`` a (height, width) in pixels, ``table`` gives the train
id of each label value, ``on_progress`` is called with (frames done, frames in all).
"""
