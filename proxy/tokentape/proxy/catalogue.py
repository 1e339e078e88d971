"""Every metric, declared once: name, labels, help, buckets; type and unit follow from the name.

Instruments, dashboards, rules and documentation are built from this list, so a metric that is
not here does not exist. It imports nothing of the project.

Rules for adding one:

- Counters end in `_total`; the unit stands in the name, in base units: seconds, bytes, tokens, usd.
- `P` stands for the configured metric labels (`project` by default).
- Every label is bounded. Ids of sessions, users or requests are never labels.
- `rank` says what loses its project first when a scrape would grow too long: money and tokens last.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

P = "<P>"
"""Stands in `Metric.labels` for the configured metric labels."""

OTHER = "other"
"""The value of a bounded label once its bound is reached."""

TOKEN_KINDS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
"""Disjoint: together they are all tokens that the API counted."""
COST_KINDS = (*TOKEN_KINDS, "web_search", "other")
FIRST_TOKEN_KINDS = frozenset({"text", "thinking", "tool_use"})
"""Block kinds with a time to their first token; `any` stands beside them."""

MetricType = Literal["counter", "gauge", "histogram"]

# The boundaries that OpenTelemetry's generative AI conventions advise (powers of two from 0.01 s),
# carried on to 655.36 s because a call may last ten minutes. Metrics that exist once a project take
# the coarser list: a bucket is a line of every scrape.
FINE_SECONDS = tuple(round(0.01 * 2**step, 2) for step in range(17))
SECONDS = (0.01, 0.04, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 163.84, 655.36)
# The same conventions' powers of four for token counts, cut to what one request can hold.
TOKENS = (16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)
TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 400, 800)
USD = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)
ADDED_SECONDS = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025),
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)

_UNITS = ("usd_per_million_tokens", "tokens_per_second", "seconds", "bytes", "tokens", "usd", "ratio")


class Rank(enum.IntEnum):
    """How long a metric keeps its own label sets as the scrape fills up: the highest, the longest."""

    DETAIL = 0
    LATENCY = 1
    COUNT = 2
    CORE = 3


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as it is shown to Prometheus and, under `otel_name`, sent over OTLP."""

    name: str
    labels: tuple[str, ...]
    help: str
    group: str = ""
    buckets: tuple[float, ...] = ()
    """Upper bounds without infinity; they make the metric a histogram."""
    rank: Rank = Rank.COUNT
    exemplars: bool = False
    convention: str | None = None
    """The name in OpenTelemetry's generative AI conventions, 1.41, where they have one."""
    needs_bill: bool = False
    """Exists only where calls are priced."""
    may_fall: bool = False
    """A sum that can go down, which makes it a gauge in spite of its `_total`."""

    @property
    def type(self) -> MetricType:
        """What Prometheus takes it for."""
        if self.buckets:
            return "histogram"
        return "counter" if self.name.endswith("_total") and not self.may_fall else "gauge"

    @property
    def unit(self) -> str:
        """The base unit that the name ends in; empty for plain counts."""
        bare = self.name.removesuffix("_total")
        return next((unit for unit in _UNITS if bare.endswith(f"_{unit}")), "")

    @property
    def family(self) -> str:
        """The name without the suffix that OpenMetrics gives to a counter's sample."""
        return self.name.removesuffix("_total") if self.type == "counter" else self.name

    @property
    def otel_name(self) -> str:
        """The convention's name, else this one dotted, less what OTLP says elsewhere (type and unit)."""
        if self.convention:
            return self.convention
        bare = self.name.removesuffix("_total").removeprefix("tokentape_")
        if self.unit in {"seconds", "bytes", "ratio"}:
            bare = bare.removesuffix(f"_{self.unit}")
        return f"tokentape.{bare}"

    def label_names(self, metric_labels: Sequence[str]) -> tuple[str, ...]:
        """The labels with `P` replaced by the configured ones."""
        expanded = ((metric_labels if label == P else (label,)) for label in self.labels)
        return tuple(name for names in expanded for name in names)


_PAIR = ("model", P)
_LIMIT = ("credential", "model", "kind")
_MONEY = ("ledger", "project", "window")
_WORKER = ("worker",)
_CORE, _LATENCY, _DETAIL = Rank.CORE, Rank.LATENCY, Rank.DETAIL

_GROUPS: dict[str, tuple[Metric, ...]] = {
    "requests": (
        Metric(
            "tokentape_requests_total",
            ("endpoint", "model", P, "status", "outcome", "stream"),
            "Attempts carried and understood, by how they ended.",
            rank=_CORE,
        ),
        Metric(
            "tokentape_errors_total",
            ("endpoint", "model", P, "error_type"),
            "Attempts that failed, by the API's error type or the proxy's reason; clients that left aside.",
            rank=_CORE,
        ),
        Metric(
            "tokentape_retries_total",
            ("model", P, "cause"),
            "Attempts that repeat an earlier one, by that one's error type or outcome.",
        ),
        Metric(
            "tokentape_model_substitutions_total",
            ("asked", "served"),
            "Replies by another model than the one asked for, dates and aliases aside.",
        ),
        Metric(
            "tokentape_batch_results_total",
            ("model", P, "result"),
            "Results of message batches, each counted once however often it is fetched.",
            needs_bill=True,
        ),
    ),
    "tokens": (
        Metric(
            "tokentape_tokens_total",
            ("model", P, "kind"),
            "Tokens as the API counted them; the kinds are disjoint (input excludes cached tokens).",
            rank=_CORE,
        ),
        Metric(
            "tokentape_thinking_tokens_total",
            _PAIR,
            "Thinking tokens, which are a part of the output tokens.",
            rank=_CORE,
        ),
        Metric(
            "tokentape_request_input_tokens",
            _PAIR,
            "Input tokens of one reply, cached ones included.",
            rank=_DETAIL,
            buckets=TOKENS,
            convention="gen_ai.client.token.usage",
        ),
        Metric(
            "tokentape_request_output_tokens",
            _PAIR,
            "Output tokens of one reply.",
            rank=_DETAIL,
            buckets=TOKENS,
            convention="gen_ai.client.token.usage",
        ),
    ),
    "cost": (
        Metric(
            "tokentape_cost_usd_total",
            ("model", P, "kind"),
            "Cost in USD; the kinds add up to the bills.",
            rank=_CORE,
        ),
        Metric(
            "tokentape_priced_calls_total",
            ("model", P, "status"),
            "Calls by how their price is known: exact, estimated or unpriced.",
            rank=_CORE,
        ),
        Metric(
            "tokentape_subscription_equivalent_usd_total",
            _PAIR,
            "What calls on a subscription would have cost at API prices; never part of the cost.",
        ),
        Metric(
            "tokentape_cache_savings_usd_total",
            _PAIR,
            "What cache reads saved, less what cache writes cost extra; a sum that may fall.",
            rank=_CORE,
            may_fall=True,
        ),
        Metric(
            "tokentape_cache_effect_usd_total",
            ("model", P, "effect"),
            "The same as two counters: by how much the cache made calls cheaper, and others dearer.",
        ),
        Metric(
            "tokentape_wasted_usd_total",
            ("model", P, "cause"),
            "Cost of replies that were cut off, aborted or tried again; a part of the cost.",
        ),
        Metric(
            "tokentape_batch_savings_usd_total",
            _PAIR,
            "What batch results would have cost more at the ordinary price.",
        ),
        Metric(
            "tokentape_short_answer_usd_total",
            _PAIR,
            "Cost of calls that ended their turn in at most 200 tokens; a part of the cost.",
            rank=_DETAIL,
        ),
        Metric(
            "tokentape_short_answer_tokens_total",
            ("model", P, "kind"),
            "Tokens of calls that ended their turn in at most 200 tokens, to price them elsewhere.",
            rank=_DETAIL,
        ),
        Metric(
            "tokentape_request_cost_usd", _PAIR, "Cost of one priced call in USD.", rank=_DETAIL, buckets=USD
        ),
        Metric(
            "tokentape_price_usd_per_million_tokens",
            ("model", "kind"),
            "Price in effect for a million tokens of a kind.",
        ),
        Metric(
            "tokentape_price_table_timestamp_seconds",
            (),
            "Date of the price table in use, as seconds since the epoch.",
        ),
        Metric(
            "tokentape_spend_usd",
            _MONEY,
            "Spend of the current day or month from the ledger; project _all is the total.",
        ),
        Metric(
            "tokentape_budget_usd",
            _MONEY,
            "Configured budget of a day or month; project _all is the total.",
        ),
    ),
    "replies": (
        Metric(
            "tokentape_cache_outcomes_total",
            ("model", P, "outcome"),
            "Replies by what the prompt cache did: hit, write, mixed, ignored or unmarked.",
        ),
        Metric(
            "tokentape_stop_reasons_total",
            ("model", P, "stop_reason"),
            "Replies by the reason for which the model stopped.",
        ),
        Metric("tokentape_tool_calls_total", ("model", P, "tool"), "Tool use blocks in replies, by tool."),
        Metric(
            "tokentape_tool_loops_total",
            ("model", P, "tool"),
            "Requests whose own messages repeat one identical tool call five times or more, by tool.",
        ),
        Metric(
            "tokentape_media_blocks_total",
            ("model", P, "kind"),
            "Image and document blocks in requests.",
        ),
    ),
    "latency": (
        Metric(
            "tokentape_request_duration_seconds",
            ("endpoint", "model", P, "stream"),
            "Time from the request head to the last byte of the reply.",
            rank=_LATENCY,
            buckets=SECONDS,
            exemplars=True,
            convention="gen_ai.client.operation.duration",
        ),
        Metric(
            "tokentape_time_to_first_token_seconds",
            ("model", P, "kind"),
            "Time to the first content delta of a stream; kind any counts each stream once.",
            rank=_LATENCY,
            buckets=SECONDS,
            exemplars=True,
            convention="gen_ai.client.operation.time_to_first_chunk",
        ),
        Metric(
            "tokentape_time_to_headers_seconds",
            ("model",),
            "Time to the head of the reply.",
            rank=_CORE,
            buckets=FINE_SECONDS,
            exemplars=True,
        ),
        Metric(
            "tokentape_stream_max_gap_seconds",
            ("model",),
            "The longest wait between two neighbouring events of a stream.",
            rank=_CORE,
            buckets=FINE_SECONDS,
            exemplars=True,
        ),
        Metric(
            "tokentape_output_tokens_per_second",
            ("model",),
            "Output tokens of a stream over the time from its first to its last token.",
            rank=_CORE,
            buckets=TOKENS_PER_SECOND,
        ),
    ),
    "limits": (
        Metric(
            "tokentape_ratelimit_limit",
            _LIMIT,
            "Rate limit as the API last gave it; absent after its reset.",
        ),
        Metric(
            "tokentape_ratelimit_remaining",
            _LIMIT,
            "What was left of the rate limit after the last reply; absent after its reset.",
        ),
        Metric(
            "tokentape_ratelimit_reset_timestamp_seconds",
            _LIMIT,
            "When the rate limit is whole again, as seconds since the epoch.",
        ),
        Metric(
            "tokentape_ratelimit_utilization_ratio",
            ("credential", "window"),
            "Used share of a subscription's window, 0 to 1; absent after its reset.",
        ),
    ),
    "proxy": (
        Metric("tokentape_inflight_requests", (), "Requests under way in all workers."),
        Metric(
            "tokentape_oldest_inflight_seconds",
            (),
            "Age of the oldest request under way; 0 when there is none.",
        ),
        Metric(
            "tokentape_added_latency_seconds",
            ("direction",),
            "Time between receiving bytes and passing them on.",
            buckets=ADDED_SECONDS,
        ),
        Metric(
            "tokentape_unmetered_calls_total",
            ("reason",),
            "Calls carried but not understood, as the workers count them.",
        ),
        Metric(
            "tokentape_refused_requests_total",
            ("reason",),
            "Requests that the workers refused before they became calls, by the code of the answer.",
        ),
        Metric("tokentape_parse_errors_total", ("reason",), "Calls of which a part could not be read."),
        Metric(
            "tokentape_unknown_events_total",
            ("event",),
            "Calls with an event, delta or field that this version does not know.",
        ),
        Metric(
            "tokentape_ledger_lost_calls_total",
            ("reason",),
            "Calls that are metered but not in the ledger: it was away too long, or refused them.",
        ),
        Metric(
            "tokentape_recording_exchanges_total",
            ("result", "reason"),
            "Exchanges by what became of them in a recording: recorded, incomplete (lost), or refused.",
        ),
        Metric(
            "tokentape_recording_waiting_bytes",
            (),
            "What the recorder has still to write.",
        ),
        Metric("tokentape_sink_errors_total", ("sink",), "Calls that a consumer of calls failed on."),
        Metric(
            "tokentape_otlp_sent_items_total",
            ("signal",),
            "Spans, log records and points of metrics that a collector took; request_log: lines written.",
        ),
        Metric(
            "tokentape_otlp_lost_items_total",
            ("signal", "reason"),
            "The same that were given up: the collector was away too long, or refused them.",
        ),
        Metric(
            "tokentape_otlp_failed_requests_total",
            ("signal", "reason"),
            "Requests that a collector did not take; most are sent again.",
        ),
        Metric(
            "tokentape_label_overflows_total",
            ("label",),
            "Label values shown as other or not at all; scrape_lines: for want of lines.",
        ),
        Metric("tokentape_build_info", ("version", "python"), "Always 1; the labels say what runs."),
        Metric(
            "tokentape_observer_start_timestamp_seconds",
            (),
            "When the observer started, and all counters with it, as seconds since the epoch.",
        ),
        Metric("tokentape_observer_cpu_seconds_total", (), "CPU time of the observer process."),
        Metric("tokentape_observer_resident_memory_bytes", (), "Resident memory of the observer process."),
    ),
    "workers": (
        Metric("tokentape_worker_inflight_requests", _WORKER, "Requests under way in a worker."),
        Metric(
            "tokentape_worker_event_loop_lag_seconds",
            _WORKER,
            "By how much a worker's event loop woke late, at its worst in the last second.",
        ),
        Metric("tokentape_worker_resident_memory_bytes", _WORKER, "Resident memory of a worker process."),
        Metric(
            "tokentape_worker_buffered_frames_bytes",
            _WORKER,
            "Frames in a worker that wait for the observer.",
        ),
        Metric("tokentape_worker_cpu_seconds_total", _WORKER, "CPU time of a slot's worker processes."),
        Metric(
            "tokentape_worker_carried_requests_total",
            _WORKER,
            "Requests carried by a slot's worker processes, metered or not.",
        ),
        Metric(
            "tokentape_worker_restarts_total",
            _WORKER,
            "How often a new process took over a slot since the observer started.",
        ),
    ),
}

CATALOGUE: tuple[Metric, ...] = tuple(
    replace(metric, group=group, needs_bill=metric.needs_bill or group == "cost")
    for group, metrics in _GROUPS.items()
    for metric in metrics
)
"""All metrics, in the order in which they are shown."""

BY_NAME = {metric.name: metric for metric in CATALOGUE}
