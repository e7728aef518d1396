"""The cache of decoded frames and the statistics computed from it."""
