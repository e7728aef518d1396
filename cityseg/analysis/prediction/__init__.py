"""Analysis of a single prediction: summary, object counts, agreement between models and distribution shift."""
