"""Getting the bytes of a request to a collector, and what it makes of them.

What an answer means: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response and `#otlphttp-response`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.config import GRPC

if TYPE_CHECKING:
    from tokentape.proxy.telemetry.otel.config import Destination

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one request."""

    reason: str = ""
    """Why it was not taken, fit for a label; empty where it was."""
    detail: str = ""
    """The same for people, without anything that could be a secret."""
    again: bool = False
    """It may be sent again."""
    wait: float | None = None
    """Seconds that the collector asks to be left alone."""
    too_large: bool = False
    rejected: int = 0
    """Items that were not taken out of a request that was."""

    @property
    def taken(self) -> bool:
        """Whether the request was accepted."""
        return not self.reason


class Transport(Protocol):
    """A way to one collector, for one signal and one thread."""

    def send(self, body: bytes) -> Answer:
        """Send an export request and wait for the answer. Never raises."""
        ...

    def close(self) -> None:
        """Let go of connections."""


def rejected_items(body: bytes) -> int:
    """Items that an export response says were rejected.

    `partial_success` of `ExportTraceServiceResponse` and its like: field 1, and in that field 1, too.
    """
    try:
        partial = dict(wire.fields(body)).get(1)
        count = dict(wire.fields(partial)).get(1) if isinstance(partial, bytes) else 0
    except wire.BrokenMessageError:
        return 0
    return count if isinstance(count, int) and count < 2**63 else 0


def open_transport(destination: Destination, signal: str) -> Transport:
    """The transport that a destination asks for.

    Raises:
        OSError: a certificate cannot be read.
        ImportError: gRPC was asked for and is not installed.
    """
    if destination.protocol == GRPC:
        from tokentape.proxy.telemetry.otel.over_grpc import GrpcTransport  # noqa: PLC0415 - an extra

        return GrpcTransport(destination, signal)
    from tokentape.proxy.telemetry.otel.over_http import HttpTransport  # noqa: PLC0415 - only where used

    return HttpTransport(destination)
