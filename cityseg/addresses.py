"""Addresses that a server of this machine may listen at."""

from __future__ import annotations

import errno
import socket

from cityseg.errors import UsageError

_TRIES = 100


def check_free(host: str, port: int) -> None:
    """Raise UsageError if a server cannot listen at an address: not of this machine, taken, or no valid port."""
    if not 1 <= port <= 65535:
        raise UsageError(f"expected a port from 1 to 65535, found {port}")
    try:
        _listen(host, port)
    except OSError as error:
        raise UsageError(
            f"{host}:{port}: expected an address of this machine and a free port, found {error.strerror or error}; "
            "choose others with --host and --port"
        ) from None


def first_free(host: str, port: int) -> int:
    """Return the first port from ``port`` on that a server can listen at.

    Raises UsageError if the host is not of this machine or the next hundred ports are taken.
    """
    for candidate in range(port, port + _TRIES):
        try:
            _listen(host, candidate)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
        break
    check_free(host, candidate)
    return candidate


def _listen(host: str, port: int) -> None:
    """Take an address and let it go again; raises OSError if that is impossible."""
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
