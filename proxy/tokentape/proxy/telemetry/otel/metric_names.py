"""What each metric of the catalogue is called over OTLP, and what becomes of its labels.

Two manners: `semconv` has the names of the conventions where they have one and the catalogue's, dotted,
elsewhere, with attributes named as on spans; `tokentape` has names and labels exactly as on `/metrics`, so
that boards and rules work on what was pushed.

Conventions: https://github.com/open-telemetry/semantic-conventions/blob/v1.41.1/docs/gen-ai/gen-ai-metrics.md
and https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.catalogue import BY_NAME
from tokentape.proxy.messages.routes import COUNT_TOKENS, MESSAGES
from tokentape.proxy.telemetry.otel import conventions
from tokentape.proxy.telemetry.otel.conventions import Edition

if TYPE_CHECKING:
    from tokentape.proxy.catalogue import Metric
    from tokentape.proxy.telemetry.otel.values import Value

SEMCONV: Final = "semconv"
PLAIN: Final = "tokentape"
MANNERS: Final = (SEMCONV, PLAIN)

UNITS: Final = {
    "seconds": "s",
    "bytes": "By",
    "ratio": "1",
    "tokens": "{token}",
    "usd": "{USD}",
    "tokens_per_second": "{token}/s",
    "usd_per_million_tokens": "{USD}",
}
"""By the catalogue's unit. UCUM has no currencies: what stands in braces is a remark."""

LABELS: Final = {
    "model": "gen_ai.response.model",
    "endpoint": "http.route",
    "status": "http.response.status_code",
    "stream": "gen_ai.request.stream",
    "error_type": "error.type",
}
"""Labels that have a name of their own on spans; any other is `tokentape.` and itself."""

_DURATION: Final = "tokentape_request_duration_seconds"
_FIRST_TOKEN: Final = "tokentape_time_to_first_token_seconds"  # noqa: S105 - a name
_INPUT_SIZE: Final = "tokentape_request_input_tokens"
_OUTPUT_SIZE: Final = "tokentape_request_output_tokens"
_TOKENS: Final = "tokentape_tokens_total"
_THINKING: Final = "tokentape_thinking_tokens_total"
_OPERATIONS: Final = {path: conventions.operation(path) for path in (MESSAGES, COUNT_TOKENS)}

Labels = Mapping[str, str]


def _always(_labels: Labels) -> bool:
    return True


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A name under which sets of a metric are sent."""

    metric: str
    """Its name in the catalogue."""
    name: str
    unit: str
    help: str
    conventional: bool = False
    """The conventions' own metric, so operation and provider are said with it."""
    constant: dict[str, str] = {}
    """Attributes that all sets have."""
    holds: Callable[[Labels], bool] = _always
    """Whether it has the set with these labels."""
    without: frozenset[str] = frozenset()
    """Labels that are left out; sets that then have the same are added up."""


def series_of(metric: Metric, manner: str, edition: Edition) -> tuple[Series, ...]:
    """The names under which a metric is sent: most have one."""
    if manner == PLAIN:
        return (_named(metric, metric.name),)
    special = _SPECIAL[edition].get(metric.name)
    return special if special is not None else (_named(metric, dotted(metric)),)


def dotted(metric: Metric) -> str:
    """A metric's name where the conventions have none."""
    return replace(metric, convention=None).otel_name


def unit_of(metric: Metric) -> str:
    """The unit as UCUM has it; none for gauges that count nothing in particular."""
    return UNITS.get(metric.unit, "" if metric.type == "gauge" else "1")


def _named(metric: Metric, name: str) -> Series:
    return Series(metric=metric.name, name=name, unit=unit_of(metric), help=metric.help)


def _convention(
    metric: str,
    name: str,
    *,
    holds: Callable[[Labels], bool] = _always,
    without: frozenset[str] = frozenset(),
    constant: Mapping[str, str] | None = None,
) -> Series:
    declared = BY_NAME[metric]
    return Series(
        metric=metric,
        name=name,
        unit=unit_of(declared),
        help=declared.help,
        conventional=True,
        constant=dict(constant or {}),
        holds=holds,
        without=without,
    )


def _rest(metric: str, holds: Callable[[Labels], bool]) -> Series:
    """What the conventions' metric does not have, under the catalogue's name."""
    declared = BY_NAME[metric]
    return Series(
        metric=metric, name=dotted(declared), unit=unit_of(declared), help=declared.help, holds=holds
    )


def _duration(name: str) -> tuple[Series, ...]:
    return (
        _convention(_DURATION, name, holds=lambda labels: labels["endpoint"] in _OPERATIONS),
        _rest(_DURATION, lambda labels: labels["endpoint"] not in _OPERATIONS),
    )


def _first_token(name: str) -> tuple[Series, ...]:
    kind = frozenset({"kind"})
    return (
        _convention(_FIRST_TOKEN, name, holds=lambda labels: labels["kind"] == "any", without=kind),
        _rest(_FIRST_TOKEN, lambda labels: labels["kind"] != "any"),
    )


def _usage(name: str, *kinds: str) -> Series:
    """A counter of `latest` that is a sum over kinds of tokens."""
    return _convention(
        _TOKENS,
        f"gen_ai.client.inference.usage.{name}",
        holds=lambda labels: labels["kind"] in kinds,
        without=frozenset({"kind"}),
    )


_TYPE: Final = "gen_ai.token.type"
_INPUT_KINDS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h")

_SPECIAL: Final[dict[Edition, dict[str, tuple[Series, ...]]]] = {
    Edition.V1_41: {
        _DURATION: _duration("gen_ai.client.operation.duration"),
        _FIRST_TOKEN: _first_token("gen_ai.client.operation.time_to_first_chunk"),
        _INPUT_SIZE: (_convention(_INPUT_SIZE, "gen_ai.client.token.usage", constant={_TYPE: "input"}),),
        _OUTPUT_SIZE: (_convention(_OUTPUT_SIZE, "gen_ai.client.token.usage", constant={_TYPE: "output"}),),
    },
    Edition.LATEST: {
        _DURATION: _duration("gen_ai.client.inference.duration"),
        _FIRST_TOKEN: _first_token("gen_ai.client.inference.time_to_first_chunk"),
        _INPUT_SIZE: (_convention(_INPUT_SIZE, "gen_ai.client.inference.operation.input_tokens"),),
        _OUTPUT_SIZE: (_convention(_OUTPUT_SIZE, "gen_ai.client.inference.operation.output_tokens"),),
        _TOKENS: (
            _named(BY_NAME[_TOKENS], dotted(BY_NAME[_TOKENS])),
            _usage("input_tokens", *_INPUT_KINDS),
            _usage("cache_read.input_tokens", "cache_read"),
            _usage("cache_write.input_tokens", "cache_write_5m", "cache_write_1h"),
            _usage("output_tokens", "output"),
        ),
        _THINKING: (_convention(_THINKING, "gen_ai.client.inference.usage.reasoning.output_tokens"),),
    },
}


class Attributes:
    """Turns the labels of sets into attributes.

    Args:
        manner: one of `MANNERS`.
        metric_labels: the configured ones, which are labels of calls.
        server: attributes that the conventions' metrics have beside their own.
    """

    def __init__(self, manner: str, metric_labels: tuple[str, ...], server: Mapping[str, Value]) -> None:
        self._manner = manner
        self._carried = frozenset(metric_labels) - {"project"}
        self._server = server

    def of(self, series: Series, labels: Labels) -> dict[str, Value]:
        """The attributes of one set."""
        kept = {name: value for name, value in labels.items() if name not in series.without}
        if self._manner == PLAIN:
            return {**kept}
        found: dict[str, Value] = {**series.constant}
        if series.conventional:
            found[conventions.OPERATION] = (
                _OPERATIONS.get(labels.get("endpoint", MESSAGES)) or conventions.CHAT
            )
            found["gen_ai.provider.name"] = conventions.PROVIDER
            found.update(self._server)
        for name, value in kept.items():
            named = self.name(name)
            typed = _typed(name, value)
            if typed is not None:
                found[named] = typed
        return found

    def name(self, label: str) -> str:
        """The attribute that a label becomes."""
        if self._manner == PLAIN:
            return label
        if label in self._carried:
            return conventions.LABEL_PREFIX + label
        return LABELS.get(label, f"tokentape.{label}")


def _typed(label: str, value: str) -> Value | None:
    """The value with the type that it has on spans; `None` where it stands for no value."""
    if label == "stream":
        return value == "true"
    if label == "status":
        return int(value) if value.isascii() and value.isdigit() else None
    return value
