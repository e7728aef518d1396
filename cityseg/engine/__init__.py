"""Training and evaluation: step functions under ignite engines."""
