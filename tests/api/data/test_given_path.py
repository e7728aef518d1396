"""Paths of datasets as people write and paste them."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg import api
from cityseg.errors import CitysegError, UsageError


@pytest.mark.parametrize(
    "written",
    [
        "{}",
        " {} ",
        "{}\t".replace("\t", "  "),
        '"{}"',
        "'{}'",
        "\u201c{}\u201d",
        "file://{}",
        ' "file://{}" ',
        "$STREETS",
        "${{STREETS}}/",
        "~/copy",
        '"~/copy"',
    ],
)
def test_path_is_understood(tmp_path, monkeypatch, streets, written):
    root = shutil.copytree(streets, tmp_path / "copy")
    monkeypatch.setenv("STREETS", str(root))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(api.connect(written.format(root)).frames("train")) == 7


def test_path_with_escaped_signs(tmp_path, streets):
    root = shutil.copytree(streets, tmp_path / "my data")
    assert api.given_path(root.as_uri()) == root
    assert "%20" in root.as_uri()


def test_existing_path_is_literal(tmp_path, monkeypatch, streets):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(streets, tmp_path / "'$x' ")
    assert len(api.connect("'$x' ").frames("train")) == 7


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            "$UNSET_HERE/x",
            "$UNSET_HERE/x: expected a path, found the variable $UNSET_HERE, which is not set; write the path",
        ),
        (" Synthetic", "' Synthetic': expected a folder or synthetic, found neither; did you mean synthetic?"),
        ("  ", "expected the path of a dataset, found '  '; name a folder, or synthetic"),
        ("a\0b", "expected the path of a dataset, found 'a\\x00b', which has unprintable characters"),
        (
            "~nobody-here/x",
            "~nobody-here/x: expected a path, found ~nobody-here, a user without a home; write the path",
        ),
    ],
)
def test_other_paths_are_rejected(tmp_path, monkeypatch, written, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refused:
        api.given_path(written)
    assert str(refused.value) == sentence


@pytest.mark.parser
@given(st.text(max_size=40).filter(bool))
def test_only_own_errors_come_out(text):
    try:
        api.given_path(text)
    except CitysegError as error:
        str(error).encode()
