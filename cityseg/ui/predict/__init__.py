"""The Predict page.

Recurring arguments: ``source`` is the image, ``photo`` its display-sized copy, ``views`` hold the prediction of each
chosen model. ``fit`` and ``flip`` are resize mode and flip test-time augmentation. ``threshold`` is the confidence in
per cent below which a pixel is unknown, 0 for none.
"""
