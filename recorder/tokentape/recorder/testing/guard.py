"""The Guard: no connection leaves this machine, whichever library makes it.

Names are refused before they are looked up, and addresses before they are connected to. What is beyond
Python's `socket` module, such as uvloop's own connections, is not seen.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from tokentape.recorder.testing.hosts import is_here

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextlib.contextmanager
def guarding(blocked: Callable[[str], Exception]) -> Generator[None]:
    """Refuse what leaves this machine while the block runs.

    Args:
        blocked: by `host:port`, what to raise.
    """
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any, /) -> None:
        check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any, /) -> int:
        check(self.family, address)
        return connect_ex(self, address)

    def guarded_lookup(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name is not None and not is_here(str(name)):
            raise blocked(f"{name}:{port}")
        return lookup(host, port, *rest, **more)

    def check(family: int, address: Any) -> None:
        if family in {socket.AF_INET, socket.AF_INET6} and not is_here(str(address[0])):
            raise blocked(f"{address[0]}:{address[1]}")

    changes: tuple[tuple[Any, str, Any, Any], ...] = (
        (socket.socket, "connect", guarded_connect, connect),
        (socket.socket, "connect_ex", guarded_connect_ex, connect_ex),
        (socket, "getaddrinfo", guarded_lookup, lookup),
    )
    with contextlib.ExitStack() as stack:
        for owner, name, guarded, original in changes:
            setattr(owner, name, guarded)
            stack.callback(setattr, owner, name, original)
        yield
