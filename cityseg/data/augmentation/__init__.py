"""Augmentation of training batches on the device, and image corruptions for the robustness test."""
