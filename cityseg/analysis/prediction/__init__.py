"""A single prediction: its summary, object counts, agreement of models and distribution shift."""
