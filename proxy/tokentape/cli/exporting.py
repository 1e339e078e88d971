"""What is exported, from options and OpenTelemetry's variables, and how the observer is told.

The observer is told in a file for the user's eyes only: headers may hold credentials.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tokentape.proxy.telemetry.otel.config import GRPC, Exporting, RequestLog
from tokentape.proxy.telemetry.otel.environment import Choices, describe, read_exporting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentape.cli.options import Settings


class Planned(NamedTuple):
    """What is exported, and what to say about it."""

    exporting: Exporting
    line: str
    """For the start; empty where nothing goes to a collector."""
    warnings: list[str]
    """Sentences about variables that could not be used."""


def plan(settings: Settings, environment: Mapping[str, str]) -> Planned:
    """What these settings and variables come to.

    Raises:
        ValueError: they contradict each other, or something is missing; one sentence.
    """
    choices = Choices(
        otlp=settings.otlp,
        protocol=settings.otlp_protocol,
        edition=settings.otlp_conventions,
        metric_names=settings.otlp_metric_names,
        temporality=settings.otlp_temporality,
        content=settings.capture_content,
    )
    read, warnings = read_exporting(environment, choices)
    address, port = _server(settings.upstream)
    exporting = msgspec.structs.replace(
        read,
        server_address=address,
        server_port=port,
        request_log=_request_log(settings),
        content=msgspec.structs.replace(
            read.content,
            limit=int(settings.content_kb * 1024),
            redact=settings.content_redact,
            hook=settings.content_hook,
        ),
    )
    _check(exporting)
    return Planned(exporting, describe(exporting, asked=bool(settings.otlp)), warnings)


def _request_log(settings: Settings) -> RequestLog | None:
    if not settings.request_log:
        return None
    path = settings.request_log
    if path != "-":
        # The observer's working directory is the same today; a path that says all needs no luck.
        path = str(Path(path).expanduser().absolute())
    return RequestLog(
        path=path, max_bytes=int(settings.request_log_mb * 1_000_000), keep=settings.request_log_keep
    )


def _server(upstream: str) -> tuple[str, int]:
    from tokentape.proxy.relay.upstream_url import parse_upstream

    parsed = parse_upstream(upstream)
    return parsed.host, parsed.port


def _check(exporting: Exporting) -> None:
    over_grpc = [signal for signal, to in exporting.destinations.items() if to.protocol == GRPC]
    if over_grpc and importlib.util.find_spec("grpc") is None:
        raise ValueError("OTLP over gRPC needs an extra: pip install 'tokentape[grpc]', or use http/protobuf")
    for destination in exporting.destinations.values():
        for path in (destination.certificate, destination.client_certificate, destination.client_key):
            if path and not os.access(path, os.R_OK):
                raise ValueError(f"The certificate {path} of an OTLP exporter cannot be read")
    for pattern in exporting.content.redact:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"--content-redact {pattern!r} is no regular expression: {error}") from None
    if (
        exporting.content.hook
        and importlib.util.find_spec(exporting.content.hook.split(".")[0].split(":")[0]) is None
    ):
        raise ValueError(
            f"--content-hook {exporting.content.hook}: there is no such module; it must be installed where "
            "tokentape is"
        )
    if exporting.request_log is not None and exporting.request_log.path != "-":
        folder = Path(exporting.request_log.path).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ValueError(f"--request-log: {folder} is no folder that can be written to")


def write_exporting(path: Path, exporting: Exporting) -> None:
    """Write it for the user's eyes only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(exporting))


def read_written(path: str) -> Exporting:
    """Read what `write_exporting` wrote."""
    return msgspec.json.decode(Path(path).read_bytes(), type=Exporting)
