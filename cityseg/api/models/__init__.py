"""Verbs on models: predict photos and videos, export, publish, average."""
