"""The sockets that outlive processes: bound once, inherited by whoever serves on them at the moment."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tokentape.cli.errors import FailedError

if TYPE_CHECKING:
    from tokentape.cli.values import Address

_BACKLOG: Final = 4096
_MAX_UNIX_PATH: Final = 100
"""Bytes: `sun_path` holds 108 on Linux and 104 on macOS (unix(7), unix(4))."""


def open_port(address: Address, flag: str) -> socket.socket:
    """Listen on a TCP port.

    Raises:
        FailedError: the port cannot be had; the sentence names the flag that chooses another.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, place = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise FailedError(f"{flag} {address} cannot be opened: {error.strerror}.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise FailedError(_refusal(error, address, flag)) from None
    return listener


def _refusal(error: OSError, address: Address, flag: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is taken: stop what listens there, or choose another port with {flag} HOST:PORT."
    if error.errno == errno.EACCES:
        return f"{address} needs more rights: choose a port above 1023 with {flag} HOST:PORT."
    return f"{address} cannot be opened ({error.strerror}): choose another with {flag} HOST:PORT."


class PrivateFolder:
    """A folder of mode 0700 for the observer's socket and other things of this one run."""

    def __init__(self) -> None:
        path = tempfile.mkdtemp(prefix="tokentape-")
        if len(os.fsencode(path)) > _MAX_UNIX_PATH - len("/observer.sock"):
            os.rmdir(path)  # noqa: PTH106 - made a line above
            path = tempfile.mkdtemp(prefix="tokentape-", dir="/tmp")
        self.path = Path(path)

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def listen_privately(path: Path) -> socket.socket:
    """Listen on a Unix socket."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(_BACKLOG)
    return listener
