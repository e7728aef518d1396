"""Verbs on datasets: connect, prepare, count, preview augmentation, render synthetic scenes."""
