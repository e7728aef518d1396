"""Throughput of training and evaluation against the limits of the machine."""
