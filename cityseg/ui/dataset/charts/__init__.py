"""The charts of the Dataset page: one module per tab."""
