"""What was asked and answered in one call, as bytes; kept only where content was asked for."""

from __future__ import annotations

import msgspec


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """The bodies of one exchange, with their content codings undone."""

    request: bytes
    response: bytes
    stream: bool
    """The response is an event stream."""
