"""The Prometheus sink: every finished call and every worker's state, as numbers in a registry."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tokentape.proxy.catalogue import OTHER
from tokentape.proxy.messages.call import CacheWrites, Usage
from tokentape.proxy.messages.labels import DEFAULT_PROJECT
from tokentape.proxy.messages.models import model_label
from tokentape.proxy.messages.routes import MESSAGES
from tokentape.proxy.telemetry.instruments import Instruments
from tokentape.proxy.telemetry.meters import (
    MAX_KEPT,
    UNLABELLED,
    Bounds,
    CallMeters,
    Kept,
    ModelMeters,
    MoneyMeters,
)
from tokentape.proxy.telemetry.process import add_process_metrics
from tokentape.proxy.telemetry.ratelimits import RateLimitMeters
from tokentape.proxy.telemetry.workers import WorkerMeters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from prometheus_client import CollectorRegistry

    from tokentape.proxy.frames import Hello, WorkerState
    from tokentape.proxy.messages.call import Call, Iteration, OpenCall
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.sets import Amount

MAX_MODELS = 50
SHORT_ANSWER: Final = 200
"""Output tokens of an answer that a smaller model might have given."""
_PROJECT_ONLY: Final = ("project",)
APART = frozenset({"compaction", "advisor_message"})
"""Iterations whose tokens the top-level usage leaves out (`BetaUsage.iterations` of the SDK)."""


class PrometheusSink:
    """A CallSink and WorkerSink that counts into a registry.

    Args:
        registry: where the metrics are registered; nothing global is touched.
        metric_labels: up to three label keys that become metric labels.
        max_label_values: distinct values of each of them; the rest are `other`.
        models: model labels whose counters exist at 0 from the start, under the default project.
        max_lines: lines that one scrape may have.
        bill: whether calls are priced, so that the metrics that need a price exist.
        clock: seconds since the epoch.

    Raises:
        ValueError: the metric labels cannot be label names.
    """

    name = "prometheus"

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        registry: CollectorRegistry,
        *,
        metric_labels: Sequence[str] = ("project",),
        max_label_values: int = 20,
        models: Iterable[str] = (),
        max_lines: int = 20_000,
        bill: bool = False,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the observer's own wall clock
    ) -> None:
        self.trace_id: Callable[[Call], str] = _callers_trace
        """What an exemplar calls a call's trace; empty for none. Whoever makes spans knows more traces."""
        self._keys = tuple(metric_labels)
        self.instruments = Instruments(
            registry, metric_labels=metric_labels, max_lines=max_lines, bill=bill, clock=clock
        )
        self._bounds = Bounds(self.instruments, MAX_MODELS, max_label_values)
        self._bill = bill
        self._meters = Kept(self._call_meters)
        self._pairs = Kept(self._pair_meters)
        self._prepared: set[tuple[str, tuple[str, ...]]] = set()
        self._money = Kept(self._money_meters)
        self._models = Kept(self._model_meters)
        self._substitutions = Kept(self._substitution)
        self._limits = RateLimitMeters(self.instruments, self._bounds.model)
        self._workers = WorkerMeters(self.instruments)
        self._added = Kept(self.instruments.distributions("tokentape_added_latency_seconds").at)
        self._parse_errors = self._plain("tokentape_parse_errors_total", "reason")
        self._unknown = self._plain("tokentape_unknown_events_total", "event")
        add_process_metrics(self.instruments)
        for direction in ("request", "response"):
            self._added[direction]
        for model in models:
            self.prepare(model)

    def opened(self, call: OpenCall) -> None:
        """Let the label sets of this call exist, so that a scrape shows them before they count."""
        key = self._key(call)
        if (call.endpoint, key) in self._prepared:
            return
        self._meters[key].prepare_request(call.endpoint)
        if self._bill and call.endpoint == MESSAGES:
            self._money[key].prepare()
        if len(self._prepared) < MAX_KEPT:
            self._prepared.add((call.endpoint, key))

    def closed(self, call: Call, bill: Bill | None = None) -> None:
        """Count a finished call, or a result of a batch."""
        key = self._key(call)
        if bill is not None and self._bill:
            self._record_bill(call, bill, key)
        if call.custom_id is not None:
            self._record_result(call, key)
        else:
            self._record(call, key)

    def _record(self, call: Call, key: tuple[str, ...]) -> None:
        trace_id = self.trace_id(call)
        request_id = call.request_id or ""
        self._meters[key].record(call, trace_id, request_id)
        self._models[call.model].record(call.timings, trace_id, request_id, call.ended_at)
        if call.rate_limits or call.rate_limit_windows:
            self._limits.record(call)
        if call.model_served is not None and call.model_served != call.model_asked:
            self._record_substitution(call)
        if call.usage is not None and call.usage.iterations:
            self._record_iterations(call, call.usage.iterations)
        if call.parse_errors or call.unknown:
            self._record_doubts(call)

    def _record_doubts(self, call: Call) -> None:
        for reason in call.parse_errors:
            self._parse_errors[reason].value += 1
        for event in call.unknown:
            self._unknown[event].value += 1

    def _record_result(self, call: Call, key: tuple[str, ...]) -> None:
        """A result is no request of its own: its tokens and its end count, its times do not."""
        self._meters[key].record_result(call)
        if call.usage is not None and call.usage.iterations:
            self._record_iterations(call, call.usage.iterations)
        if self._bill:
            self._money[key].results[call.result or OTHER].value += 1
        self._record_doubts(call)

    def _record_bill(self, call: Call, bill: Bill, key: tuple[str, ...]) -> None:
        if call.endpoint == MESSAGES or bill.items or bill.total is None or call.custom_id is not None:
            money = self._money[key]
            money.record(bill)
            if call.stop_reason == "end_turn" and _is_short(call.usage):
                money.record_short(bill)
        if bill.subscription:
            return
        for item in bill.items:
            payer = key if item.model == key[0] else (item.model, *key[1:])
            self._money[payer].cost[item.kind].value += float(item.usd)

    def worker_state(self, worker: Hello, state: WorkerState) -> None:
        """Take over what a worker says of itself."""
        self._workers.state(worker, state)

    def worker_gone(self, worker: Hello) -> None:
        """Forget the gauges of a worker; what it counted stays."""
        self._workers.gone(worker)

    def added_latency(self, direction: str, seconds: float) -> None:
        """Count the time between receiving and passing on."""
        self._added[direction].observe(seconds)

    def watch_errors(self, errors: Mapping[str, int], names: Iterable[str] = ()) -> None:
        """Let the errors of sinks be read from this mapping by sink name; `names` are there at 0."""
        none = dict.fromkeys(names, 0)
        self.instruments.compute(
            "tokentape_sink_errors_total",
            lambda: [((name,), count) for name, count in (none | dict(errors)).items()],
        )

    def prepare(self, model: str, labels: Mapping[str, str] | None = None) -> None:
        """Let the counters of a model's tokens and money exist at 0 under these labels, by default none."""
        carried = labels or {}
        values = tuple(carried.get(key) or _unlabelled(key) for key in self._keys)
        self._meters[model, *values].prepare_tokens()
        if self._bill:
            self._money[model, *values].prepare()

    @property
    def models(self) -> tuple[str, ...]:
        """Models that have counters of their own. Any thread."""
        return tuple(dict.fromkeys(model for model, *_ in list(self._money)))

    @property
    def workers(self) -> int:
        """How many workers are connected."""
        return self._workers.live

    def _plain(self, metric: str, label: str) -> Kept[str, Amount]:
        family, bound = self.instruments.amounts(metric), self.instruments.bounded(label, 50)
        return Kept(lambda value: family.at(bound(value)))

    def _key(self, call: Call | OpenCall) -> tuple[str, ...]:
        if self._keys == _PROJECT_ONLY:
            return (call.model, call.project)
        return (call.model, *[_label(call, key) for key in self._keys])

    def _call_meters(self, key: tuple[str, ...]) -> CallMeters:
        model, *values = key
        shown = [bound(value) for bound, value in zip(self._bounds.labels, values, strict=True)]
        return self._pairs[self._bounds.model(model), *shown]

    def _pair_meters(self, pair: tuple[str, ...]) -> CallMeters:
        coarse = (pair[0], *(OTHER for _ in self._keys))
        if pair != coarse and not self.instruments.admits_pair():
            return self._pairs[coarse]
        return CallMeters(self.instruments, self._bounds, pair)

    def _money_meters(self, key: tuple[str, ...]) -> MoneyMeters:
        return MoneyMeters(self.instruments, self._meters[key].pair)

    def _model_meters(self, model: str) -> ModelMeters:
        return ModelMeters(self.instruments, self._bounds.model(model))

    def _record_substitution(self, call: Call) -> None:
        asked, served = _plain_model(call.model_asked), _plain_model(call.model_served)
        if asked != served and call.model_asked is not None:
            self._substitutions[asked, served].value += 1

    def _substitution(self, pair: tuple[str, str]) -> Amount:
        asked, served = pair
        family = self.instruments.amounts("tokentape_model_substitutions_total")
        return family.at(self._bounds.model(asked), self._bounds.model(served))

    def _record_iterations(self, call: Call, iterations: Sequence[Iteration]) -> None:
        values = self._key(call)[1:]
        for iteration in iterations:
            if iteration.type in APART:
                model = model_label(iteration.model) if iteration.model else call.model
                usage, writes = _iteration_usage(iteration, call.request.cache_ttls)
                self._meters[model, *values].record_usage(usage, writes)


def _is_short(usage: Usage | None) -> bool:
    return usage is not None and usage.output_tokens is not None and usage.output_tokens <= SHORT_ANSWER


def _callers_trace(call: Call) -> str:
    return call.trace.trace_id if call.trace else ""


def _label(call: Call | OpenCall, key: str) -> str:
    return call.project if key == "project" else call.labels.get(key) or UNLABELLED


def _unlabelled(key: str) -> str:
    return DEFAULT_PROJECT if key == "project" else UNLABELLED


def _plain_model(model: str | None) -> str:
    """A model's name without what only says which snapshot of it."""
    return model_label(model).removesuffix("-latest")


def _iteration_usage(iteration: Iteration, ttls: tuple[str, ...]) -> tuple[Usage, CacheWrites]:
    """The tokens of an iteration; cache writes without a split are put at the request's ttl."""
    written = iteration.cache_creation_input_tokens
    hour = iteration.ephemeral_1h_input_tokens
    if hour is None:
        hour = written - (iteration.ephemeral_5m_input_tokens or 0) if ttls == ("1h",) else 0
    usage = Usage(
        input_tokens=iteration.input_tokens,
        output_tokens=iteration.output_tokens,
        cache_read_input_tokens=iteration.cache_read_input_tokens,
    )
    return usage, CacheWrites(tokens_5m=max(0, written - hour), tokens_1h=hour)
