"""Training and evaluation: step functions under ignite engines.

Arguments that recur: ``config``, the run's config; ``model``, (N, 3, H, W) -> (N, 19, H, W) logits; ``normalization``
of its input; ``split``, frames at the model's size; ``device``, where to compute; ``pretrained``, initial weights and
teacher; ``average``, the moving average of the weights, if any; ``on_progress``, called with (frames or steps done, in
all); ``on_point``, called after every step.
"""
