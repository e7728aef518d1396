"""Datasets: layouts, the synthetic dataset, the cache, augmentation, and batches on the training device."""
