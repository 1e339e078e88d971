"""What a peer can do wrong in HTTP/1.1, and what it is told.

ProtocolError
    The peer broke the protocol or a limit. It carries the status for a client and one sentence
    that says what to do; for an upstream, the same sentence is the reason of a 502.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The peer's bytes cannot be carried.

    Attributes:
        status: the HTTP status that answers a client.
        code: the reason for machines, low cardinality.
        message: one sentence for people, with what to do.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
