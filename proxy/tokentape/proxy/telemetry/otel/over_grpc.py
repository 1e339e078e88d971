"""OTLP over gRPC, with the extra `grpc`: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc

from tokentape.proxy.telemetry.otel.transport import Answer, rejected_items

if TYPE_CHECKING:
    from tokentape.proxy.telemetry.otel.config import Destination

_SERVICES: Final = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}

_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_OPTIONS: Final = (
    ("grpc.primary_user_agent", f"tokentape/{version('tokentape')}"),
    # After an outage the collector is tried again within seconds, not minutes.
    ("grpc.max_reconnect_backoff_ms", 5000),
)


class GrpcTransport:
    """One unary call a request; the bytes are ours on both ways."""

    def __init__(self, destination: Destination, signal: str) -> None:
        """Raises: OSError: a certificate cannot be read."""
        self._destination = destination
        self._channel = _channel(destination)
        self._export = self._channel.unary_unary(f"/{_SERVICES[signal]}/Export")
        self._metadata = [(name.lower(), value) for name, value in destination.headers.items()]
        gzip = destination.compression == "gzip"
        self._compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression

    def send(self, body: bytes) -> Answer:
        """Send an export request and wait for the answer."""
        try:
            reply = self._export(
                body, self._destination.timeout, self._metadata, compression=self._compression
            )
        except grpc.RpcError as error:
            return _refused(error)
        except ValueError as error:
            return Answer(reason="invalid", detail=f"gRPC refuses to send it ({type(error).__name__})")
        return Answer(rejected=rejected_items(reply))

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _refused(error: grpc.RpcError) -> Answer:
    code = error.code()
    # Servers say of a message over their limit what they also say when they are busy.
    too_large = code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in (error.details() or "")
    name = code.name.lower()
    reason = {"unavailable": "unreachable", "deadline_exceeded": "timeout"}.get(name, f"status_{name}")
    return Answer(
        reason="too_large" if too_large else reason,
        detail=f"gRPC says {name.replace('_', ' ')}",
        again=code in _AGAIN and not too_large,
        too_large=too_large,
    )


def _channel(destination: Destination) -> grpc.Channel:
    scheme, found, rest = destination.endpoint.partition("://")
    target = (rest if found else destination.endpoint).partition("/")[0]
    plain = scheme == "http" if found else destination.insecure
    if plain:
        return grpc.insecure_channel(target, _OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        _read(destination.certificate), _read(destination.client_key), _read(destination.client_certificate)
    )
    return grpc.secure_channel(target, credentials, _OPTIONS)


def _read(path: str) -> bytes | None:
    return Path(path).read_bytes() if path else None
