"""Datasets: their layouts, the synthetic set, the cache and batches on the device."""
