"""What is exported, and where to: plain data, made by `environment` and handed to the observer.

It may hold credentials (headers), so it never stands on a command line.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokentape.proxy.telemetry.otel.context import DEFAULT_SAMPLER
from tokentape.proxy.telemetry.otel.conventions import Edition

SIGNALS: Final = ("traces", "metrics", "logs")

HTTP: Final = "http/protobuf"
GRPC: Final = "grpc"


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where one signal goes."""

    endpoint: str
    """The whole URL of this signal; over gRPC `host:port` is enough."""
    protocol: str = HTTP
    headers: dict[str, str] = {}
    timeout: float = 10.0
    """Seconds for one request."""
    compression: str = ""
    """`gzip`, `deflate`, or nothing."""
    certificate: str = ""
    """Path of the certificates to trust, in place of the system's."""
    client_certificate: str = ""
    client_key: str = ""
    insecure: bool = False
    """No TLS, where a gRPC endpoint has no scheme that says so."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of prompts and answers."""

    spans: bool = False
    """As attributes of spans, in JSON."""
    events: bool = False
    """As the conventions' event."""
    limit: int = 64 * 1024
    """Bytes that the attributes of one call may have."""
    redact: tuple[str, ...] = ()
    """Regular expressions; what they match is replaced."""
    hook: str = ""
    """`module:function` that every text goes through."""

    @property
    def wanted(self) -> bool:
        """Whether any content leaves at all."""
        return self.spans or self.events


class RequestLog(msgspec.Struct, frozen=True, kw_only=True):
    """Where events are written as JSON lines."""

    path: str
    """`-` is stdout."""
    max_bytes: int = 100_000_000
    """After which the file is renamed and a new one begun."""
    keep: int = 5
    """How many renamed files are kept."""


class Batching(msgspec.Struct, frozen=True, kw_only=True):
    """How spans, or log records, are put together to requests."""

    queue: int = 2048
    batch: int = 512
    delay: float = 5.0
    """Seconds that one waits for others."""


class Exporting(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Nothing is exported where there is no destination and no request log."""

    traces: Destination | None = None
    metrics: Destination | None = None
    logs: Destination | None = None
    request_log: RequestLog | None = None
    edition: Edition = Edition.V1_41
    resource: dict[str, str] = {}
    server_address: str = ""
    """The logical upstream."""
    server_port: int = 0
    sampler: str = DEFAULT_SAMPLER
    sampler_ratio: float = 1.0
    spans: Batching = Batching()
    records: Batching = Batching(delay=1.0)
    metric_interval: float = 60.0
    """Seconds."""
    metric_names: str = "semconv"
    """`semconv` or `tokentape`."""
    temporality: str = "cumulative"
    """`cumulative` or `delta`."""
    exemplars: bool = True
    content: Content = Content()

    @property
    def destinations(self) -> dict[str, Destination]:
        """Where each signal goes that goes anywhere."""
        all_three = {"traces": self.traces, "metrics": self.metrics, "logs": self.logs}
        return {signal: where for signal, where in all_three.items() if where is not None}

    @property
    def on(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.destinations) or self.request_log is not None
