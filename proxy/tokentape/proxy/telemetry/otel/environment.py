"""OpenTelemetry's own variables: which of them count, and what they mean here.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/. As the specification wants it, a value that
cannot be used is warned of and left, and an empty one counts as unset. Times are milliseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import msgspec

from tokentape.proxy.telemetry.otel.config import (
    GRPC,
    HTTP,
    SIGNALS,
    Batching,
    Content,
    Destination,
    Exporting,
)
from tokentape.proxy.telemetry.otel.context import DEFAULT_SAMPLER, SAMPLERS
from tokentape.proxy.telemetry.otel.conventions import Edition

if TYPE_CHECKING:
    from collections.abc import Mapping

DISABLED: Final = "OTEL_SDK_DISABLED"
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
LATEST_OPT_IN: Final = "gen_ai_latest_experimental"

VARIABLES: Final[dict[str, str]] = {
    DISABLED: "`true`: nothing is exported, whatever else is set.",
    ENDPOINT: "Base URL of the collector, as `--otlp`. Set alone it switches all three signals on.",
    "OTEL_EXPORTER_OTLP_{SIGNAL}_ENDPOINT": "Whole URL for one signal; nothing is appended.",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_PROTOCOL": "`http/protobuf` (the default) or `grpc`.",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_HEADERS": "`name=value,...` sent with every request; never logged.",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_TIMEOUT": "Milliseconds for one request (10000).",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_COMPRESSION": "`gzip`, `deflate` (HTTP only) or `none`.",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_CERTIFICATE": "File of certificates to trust.",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_CLIENT_CERTIFICATE": "File of the client's certificate (mTLS).",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_CLIENT_KEY": "File of the client's key (mTLS).",
    "OTEL_EXPORTER_OTLP[_{SIGNAL}]_INSECURE": "`true`: gRPC without TLS, where the URL has no scheme.",
    "OTEL_{SIGNAL}_EXPORTER": "`otlp` (the default) or `none`, for each signal.",
    "OTEL_SERVICE_NAME": "`service.name` of the resource (`tokentape`).",
    "OTEL_RESOURCE_ATTRIBUTES": "`name=value,...` of the resource.",
    "OTEL_TRACES_SAMPLER": "`" + "`, `".join(SAMPLERS) + "`; by default the fourth.",
    "OTEL_TRACES_SAMPLER_ARG": "The ratio of the samplers that take one.",
    "OTEL_BSP_SCHEDULE_DELAY": "Milliseconds that a span waits for others (5000).",
    "OTEL_BSP_MAX_QUEUE_SIZE": "Spans that may wait; more are counted as lost (2048).",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "Spans of one request (512).",
    "OTEL_BLRP_SCHEDULE_DELAY": "The same for log records (1000).",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "The same for log records (2048).",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "The same for log records (512).",
    "OTEL_METRIC_EXPORT_INTERVAL": "Milliseconds between two exports of metrics (60000).",
    "OTEL_METRICS_EXEMPLAR_FILTER": "`always_off` sends no exemplars.",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "`cumulative` (the default) or `delta`.",
    "OTEL_SEMCONV_STABILITY_OPT_IN": f"A list; `{LATEST_OPT_IN}` in it is `--otlp-conventions latest`.",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "`true` or `span_only`, `event_only`, "
    "`span_and_event`, as `--capture-content`; else no content leaves.",
}
"""Every variable that counts. `{SIGNAL}` is TRACES, METRICS or LOGS; what is in brackets may be left out."""

CONTENT_WORDS: Final = {
    **dict.fromkeys(("true", "1", "span_only", "spans"), Content(spans=True)),
    **dict.fromkeys(("event_only", "events"), Content(events=True)),
    **dict.fromkeys(("span_and_event", "both"), Content(spans=True, events=True)),
    **dict.fromkeys(("false", "0", "no_content", "none", ""), Content()),
}


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What options say; an empty text means that the variables decide."""

    otlp: str = ""
    protocol: str = ""
    edition: str = ""
    metric_names: str = "semconv"
    temporality: str = ""
    content: str = ""


class Reading:
    """The variables, and what was wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.warnings: list[str] = []
        """A sentence for each value that could not be used."""

    def text(self, *names: str) -> str:
        """The first of these variables that is set."""
        return next((value for name in names if (value := self._environment.get(name, "").strip())), "")

    def switch(self, *names: str) -> bool:
        """Whether the first that is set says `true`; nothing else does."""
        return self.text(*names).lower() == "true"

    def word(self, name: str, words: tuple[str, ...], default: str) -> str:
        """One of these words."""
        value = self.text(name).lower()
        return self._usable(name, value, default, value in words, f"must be one of {', '.join(words)}")

    def number(self, name: str, default: float, lowest: float = 1) -> float:
        """A number of at least `lowest`."""
        value = self.text(name)
        usable = re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) is not None and float(value) >= lowest
        return float(self._usable(name, value, str(default), usable, f"must be a number from {lowest:g}"))

    def seconds(self, name: str, default: float) -> float:
        """Milliseconds, as seconds."""
        return self.number(name, default * 1000) / 1000

    def pairs(self, *names: str) -> dict[str, str]:
        """`name=value,...`, percent-encoded where need be."""
        name = next((name for name in names if self.text(name)), names[-1])
        found: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in self.text(name).split(","))):
            key, equals, value = part.partition("=")
            if not equals or not key.strip() or re.search(r"[\r\n]", unquote(key + value)):
                # The value may be a credential, so it is not repeated.
                self.warnings.append(f"{name} has an entry that is not name=value; it is left out.")
                continue
            found[unquote(key.strip())] = unquote(value.strip())
        return found

    def _usable(self, name: str, value: str, default: str, usable: bool, sentence: str) -> str:  # noqa: FBT001 - the outcome of a check
        if value and not usable:
            self.warnings.append(f"{name} {sentence}, not {value!r}; {default} is used.")
        return value if usable else default


def read_exporting(environment: Mapping[str, str], choices: Choices) -> tuple[Exporting, list[str]]:
    """What is to be exported, and a sentence for everything that could not be used.

    Raises:
        ValueError: an endpoint is no URL; one sentence.
    """
    reading = Reading(environment)
    if reading.switch(DISABLED):
        warned = [f"{DISABLED} is true: nothing goes to {choices.otlp}."] if choices.otlp else []
        return Exporting(), warned
    found = {signal: _destination(reading, signal, choices) for signal in SIGNALS}
    return (
        Exporting(
            traces=found["traces"],
            metrics=found["metrics"],
            logs=found["logs"],
            edition=Edition(choices.edition or _edition(reading)),
            resource=_resource(reading),
            sampler=reading.word("OTEL_TRACES_SAMPLER", SAMPLERS, DEFAULT_SAMPLER),
            sampler_ratio=min(reading.number("OTEL_TRACES_SAMPLER_ARG", 1.0, lowest=0), 1.0),
            spans=_batching(reading, "OTEL_BSP", Batching()),
            records=_batching(reading, "OTEL_BLRP", Batching(delay=1.0)),
            metric_interval=reading.seconds("OTEL_METRIC_EXPORT_INTERVAL", 60.0),
            metric_names=choices.metric_names,
            temporality=choices.temporality or _temporality(reading),
            exemplars=reading.text("OTEL_METRICS_EXEMPLAR_FILTER").lower() != "always_off",
            content=_content(reading, choices),
        ),
        reading.warnings,
    )


def _destination(reading: Reading, signal: str, choices: Choices) -> Destination | None:
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_"
    exporters = reading.text(f"OTEL_{signal.upper()}_EXPORTER").lower() or "otlp"
    base, whole = choices.otlp or reading.text(ENDPOINT), reading.text(f"{own}ENDPOINT")
    if "otlp" not in exporters.split(",") or not (base or whole):
        return None

    def both(name: str) -> tuple[str, str]:
        return f"{own}{name}", f"OTEL_EXPORTER_OTLP_{name}"

    protocol = choices.protocol or _protocol(reading, *both("PROTOCOL"))
    timeout = next((name for name in both("TIMEOUT") if reading.text(name)), both("TIMEOUT")[1])
    return Destination(
        endpoint=_endpoint(whole, base, signal, protocol, f"{own}ENDPOINT" if whole else ENDPOINT),
        protocol=protocol,
        headers=reading.pairs(*both("HEADERS")),
        timeout=reading.seconds(timeout, 10.0),
        compression=_compression(reading, *both("COMPRESSION")),
        certificate=reading.text(*both("CERTIFICATE")),
        client_certificate=reading.text(*both("CLIENT_CERTIFICATE")),
        client_key=reading.text(*both("CLIENT_KEY")),
        insecure=reading.switch(*both("INSECURE")),
    )


def _endpoint(whole: str, base: str, signal: str, protocol: str, name: str) -> str:
    endpoint = whole or base
    check_endpoint(endpoint, protocol, name)
    if protocol == GRPC or whole:
        return endpoint
    return f"{endpoint.rstrip('/')}/v1/{signal}"


def check_endpoint(endpoint: str, protocol: str, name: str) -> None:
    """Raises: ValueError: it cannot be an endpoint; a sentence that begins with `name`."""
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"none://{endpoint}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    schemes = {"http", "https", "none"} if protocol == GRPC else {"http", "https"}
    if not host or parts.scheme not in schemes or re.search(r"\s", endpoint):
        raise ValueError(f"{name} must be a URL such as http://127.0.0.1:4318, or https://.")
    if parts.username is not None:
        # Not repeated: it may be a password.
        raise ValueError(f"{name} must have no user name or password: use OTEL_EXPORTER_OTLP_HEADERS.")


def _protocol(reading: Reading, *names: str) -> str:
    name = next((name for name in names if reading.text(name)), names[-1])
    return reading.word(name, (HTTP, GRPC), HTTP)


def _compression(reading: Reading, *names: str) -> str:
    name = next((name for name in names if reading.text(name)), names[-1])
    word = reading.word(name, ("none", "gzip", "deflate"), "none")
    return "" if word == "none" else word


def _edition(reading: Reading) -> str:
    opted = {word.strip() for word in reading.text("OTEL_SEMCONV_STABILITY_OPT_IN").split(",")}
    return Edition.LATEST if LATEST_OPT_IN in opted else Edition.V1_41


def _resource(reading: Reading) -> dict[str, str]:
    given = reading.pairs("OTEL_RESOURCE_ATTRIBUTES")
    name = reading.text("OTEL_SERVICE_NAME")
    return {**given, "service.name": name} if name else given


def _batching(reading: Reading, prefix: str, default: Batching) -> Batching:
    queue = int(reading.number(f"{prefix}_MAX_QUEUE_SIZE", default.queue))
    batch = int(reading.number(f"{prefix}_MAX_EXPORT_BATCH_SIZE", default.batch))
    return Batching(
        queue=queue, batch=min(batch, queue), delay=reading.seconds(f"{prefix}_SCHEDULE_DELAY", default.delay)
    )


def _temporality(reading: Reading) -> str:
    return reading.word(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", ("cumulative", "delta"), "cumulative"
    )


def _content(reading: Reading, choices: Choices) -> Content:
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    word = choices.content or reading.word(name, tuple(filter(None, CONTENT_WORDS)), "")
    return CONTENT_WORDS[word]


def describe(exporting: Exporting, *, asked: bool) -> str:
    """One line that says what goes where; `asked`: by an option. Empty where nothing goes anywhere."""
    places: dict[str, list[str]] = {}
    for signal, where in exporting.destinations.items():
        base = where.endpoint.removesuffix(f"/v1/{signal}")
        places.setdefault(f"{_shown(base)} ({where.protocol})", []).append(signal)
    if not places:
        return ""
    listed = "; ".join(f"{_joined(signals)} go to {place}" for place, signals in places.items())
    content = ", prompts and answers included" if exporting.content.wanted else ""
    because = "" if asked else f", because {ENDPOINT} or one like it is set"
    return f"OpenTelemetry: {listed}{content}{because}."


def _shown(endpoint: str) -> str:
    """Without a query, which may hold a key."""
    return endpoint.partition("?")[0]


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
