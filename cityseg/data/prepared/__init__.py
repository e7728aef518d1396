"""The cache of prepared frames and the statistics counted from it."""
