"""The Inspect page.

Its functions share three arguments: ``measured`` is the inspected result and split, ``metric`` orders the frames, and
``info`` describes the connected data, None if it does not hold the frames.
"""
