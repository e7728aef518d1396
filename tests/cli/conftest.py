"""Fixtures of the command line tests."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def runs(trained):
    """The folder of the trained run."""
    return trained.folder.parent


@pytest.fixture
def document(cityseg):
    """Call with --json and return the one document on stdout."""

    def call(*words: object):
        answer = cityseg(*words, "--json")
        assert answer.code == 0, answer.err
        assert answer.out.count("\n") == 1
        return json.loads(answer.out)

    return call
