"""Meters: what one call adds to the metrics of its model and metric labels.

The label sets of a (model, metric labels) pair are looked up once and then kept, so that a call
costs a few dictionary look-ups and additions.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from tokentape.proxy.catalogue import COST_KINDS, FIRST_TOKEN_KINDS, TOKEN_KINDS
from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.messages.labels import DEFAULT_PROJECT
from tokentape.proxy.messages.models import NO_MODEL
from tokentape.proxy.messages.routes import MESSAGES
from tokentape.proxy.pricing.bill import Status
from tokentape.proxy.telemetry.sets import Amount

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from tokentape.proxy.messages.call import CacheWrites, Call, Timings, Usage
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.instruments import Instruments
    from tokentape.proxy.telemetry.sets import Distribution

MAX_KEPT = 1024

UNLABELLED = "none"
"""The value of a metric label that a call does not carry; an unlabelled project is `default`."""

CACHE_EFFECTS: Final = ("cheaper", "dearer")
PRICED: Final = tuple(status.value for status in Status)

KeyT = TypeVar("KeyT")
SetT = TypeVar("SetT")


class Kept(dict[KeyT, SetT], Generic[KeyT, SetT]):
    """Label sets by what a call says, made when first asked for; beyond a bound, made again each time."""

    def __init__(self, make: Callable[[KeyT], SetT]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: KeyT) -> SetT:
        made = self._make(key)
        if len(self) < MAX_KEPT:
            self[key] = made
        return made


class Bounds:
    """The bounds of the labels that calls bring."""

    def __init__(self, instruments: Instruments, max_models: int, max_label_values: int) -> None:
        self.model = instruments.bounded("model", max_models, (NO_MODEL,))
        self.labels = tuple(
            instruments.bounded(name, max_label_values, (DEFAULT_PROJECT, UNLABELLED))
            for name in instruments.metric_labels
        )
        self.endpoint = instruments.bounded("endpoint", 100)
        self.status = instruments.bounded("status", 40)
        self.error_type = instruments.bounded("error_type", 50)
        self.cause = instruments.bounded("cause", 50)
        self.stop_reason = instruments.bounded("stop_reason", 20)
        self.tool = instruments.bounded("tool", 50)


def status_label(status: int | None) -> str:
    """An HTTP status, or `none` where the client saw none."""
    return "none" if status is None else str(status)


def stream_label(stream: bool) -> str:  # noqa: FBT001 - it is the value, not a switch
    """The `stream` label."""
    return "true" if stream else "false"


class CallMeters:
    """The metrics of one (model, metric labels) pair."""

    def __init__(self, instruments: Instruments, bounds: Bounds, pair: tuple[str, ...]) -> None:
        self._instruments = instruments
        self._bounds = bounds
        self._pair = self.pair = pair
        self.tokens = self._counted("tokentape_tokens_total")
        self.cache_outcomes = self._counted("tokentape_cache_outcomes_total")
        self.media = self._counted("tokentape_media_blocks_total")
        self.retries = self._counted("tokentape_retries_total", bounds.cause)
        self.stop_reasons = self._counted("tokentape_stop_reasons_total", bounds.stop_reason)
        self.tool_calls = self._counted("tokentape_tool_calls_total", bounds.tool)
        self.tool_loops = self._counted("tokentape_tool_loops_total", bounds.tool)
        self.requests = Kept(self._request)
        self.errors = Kept(self._error)
        self.durations = Kept(self._duration)
        self.first_tokens = Kept(self._first_token)

    def _counted(self, name: str, bound: Callable[[str], str] = str) -> Kept[str, Amount]:
        family, pair = self._instruments.amounts(name), self._pair
        return Kept(lambda value: family.at(*pair, bound(str(value))))

    def _request(self, key: tuple[str, int | None, Outcome, bool]) -> Amount:
        endpoint, status, outcome, stream = key
        return self._instruments.amounts("tokentape_requests_total").at(
            self._bounds.endpoint(endpoint),
            *self._pair,
            self._bounds.status(status_label(status)),
            outcome.value,
            stream_label(stream),
        )

    def _error(self, key: tuple[str, str]) -> Amount:
        endpoint, error_type = key
        return self._instruments.amounts("tokentape_errors_total").at(
            self._bounds.endpoint(endpoint), *self._pair, self._bounds.error_type(error_type)
        )

    def _duration(self, key: tuple[str, bool]) -> Distribution:
        endpoint, stream = key
        return self._instruments.distributions("tokentape_request_duration_seconds").at(
            self._bounds.endpoint(endpoint), *self._pair, stream_label(stream)
        )

    def _first_token(self, kind: str) -> Distribution:
        return self._instruments.distributions("tokentape_time_to_first_token_seconds").at(*self._pair, kind)

    @cached_property
    def thinking_tokens(self) -> Amount:
        """Thinking tokens."""
        return self._instruments.amounts("tokentape_thinking_tokens_total").at(*self._pair)

    @cached_property
    def input_sizes(self) -> Distribution:
        """Input tokens of a reply."""
        return self._instruments.distributions("tokentape_request_input_tokens").at(*self._pair)

    @cached_property
    def output_sizes(self) -> Distribution:
        """Output tokens of a reply."""
        return self._instruments.distributions("tokentape_request_output_tokens").at(*self._pair)

    def prepare_tokens(self) -> None:
        """Let the token counters exist, at 0."""
        for kind in TOKEN_KINDS:
            self.tokens[kind]
        self.thinking_tokens  # noqa: B018 - same

    def prepare_request(self, endpoint: str) -> None:
        """Let the counters exist, at 0, that a request to this endpoint is likely to move."""
        self.requests[endpoint, 200, Outcome.OK, False]
        if endpoint == MESSAGES:
            self.requests[endpoint, 200, Outcome.OK, True]
            self.prepare_tokens()

    def record(self, call: Call, trace_id: str, request_id: str) -> None:
        """Add a finished call."""
        self.requests[call.endpoint, call.status, call.outcome, call.stream].value += 1
        if call.error is not None:
            self.errors[call.endpoint, call.error.type].value += 1
        if call.attempt:
            self.retries[call.retry_cause or "unknown"].value += 1
        self._record_reply(call)
        self._record_times(call, trace_id, request_id)
        if call.usage is not None:
            self.record_usage(call.usage, call.cache_writes)
            self._record_sizes(call.usage, call.cache_writes)

    def record_result(self, call: Call) -> None:
        """Add a result of a batch."""
        self._record_reply(call)
        if call.usage is not None:
            self.record_usage(call.usage, call.cache_writes)

    def _record_reply(self, call: Call) -> None:
        if call.stop_reason is not None:
            self.stop_reasons[call.stop_reason].value += 1
        if call.cache_outcome is not None:
            self.cache_outcomes[call.cache_outcome].value += 1
        for tool in call.tool_calls:
            self.tool_calls[tool.name].value += 1
        if call.tool_loop:
            self.tool_loops[call.request.repeated_tool or "unknown"].value += 1
        if call.request.images:
            self.media["image"].value += call.request.images
        if call.request.documents:
            self.media["document"].value += call.request.documents

    def _record_times(self, call: Call, trace_id: str, request_id: str) -> None:
        timings, at = call.timings, call.ended_at
        self.durations[call.endpoint, call.stream].observe_exemplar(
            timings.duration, trace_id, request_id, at
        )
        if timings.first_token_any is not None:
            self.first_tokens["any"].observe_exemplar(timings.first_token_any, trace_id, request_id, at)
        for kind, seconds in timings.first_token.items():
            if kind in FIRST_TOKEN_KINDS:
                self.first_tokens[kind].observe_exemplar(seconds, trace_id, request_id, at)

    def record_usage(self, usage: Usage, writes: CacheWrites) -> None:
        """Add token counts; what the API did not say adds nothing."""
        tokens = self.tokens
        if usage.input_tokens:
            tokens["input"].value += usage.input_tokens
        if usage.cache_read_input_tokens:
            tokens["cache_read"].value += usage.cache_read_input_tokens
        if writes.tokens_5m:
            tokens["cache_write_5m"].value += writes.tokens_5m
        if writes.tokens_1h:
            tokens["cache_write_1h"].value += writes.tokens_1h
        if usage.output_tokens:
            tokens["output"].value += usage.output_tokens
        if usage.thinking_tokens:
            self.thinking_tokens.value += usage.thinking_tokens

    def _record_sizes(self, usage: Usage, writes: CacheWrites) -> None:
        if usage.input_tokens is not None:
            written = writes.tokens_5m + writes.tokens_1h
            self.input_sizes.observe(usage.input_tokens + (usage.cache_read_input_tokens or 0) + written)
        if usage.output_tokens is not None:
            self.output_sizes.observe(usage.output_tokens)


class MoneyMeters:
    """The metrics of one (model, metric labels) pair that need a bill. Amounts are floats of exact ones."""

    def __init__(self, instruments: Instruments, pair: tuple[str, ...]) -> None:
        self._instruments = instruments
        self._pair = pair
        self.cost = self._counted("tokentape_cost_usd_total")
        self.priced = self._counted("tokentape_priced_calls_total")
        self.effects = self._counted("tokentape_cache_effect_usd_total")
        self.wasted = self._counted("tokentape_wasted_usd_total")
        self.short_tokens = self._counted("tokentape_short_answer_tokens_total")
        self.results = self._counted("tokentape_batch_results_total")
        self._plain = Kept[str, Amount](lambda name: instruments.amounts(name).at(*pair))

    def _counted(self, name: str) -> Kept[str, Amount]:
        family, pair = self._instruments.amounts(name), self._pair
        return Kept(lambda value: family.at(*pair, str(value)))

    @cached_property
    def costs(self) -> Distribution:
        """Cost of a call."""
        return self._instruments.distributions("tokentape_request_cost_usd").at(*self._pair)

    def prepare(self) -> None:
        """Let the counters of money exist, at 0."""
        for kind in COST_KINDS:
            self.cost[kind]
        for status in PRICED:
            self.priced[status]
        for effect in CACHE_EFFECTS:
            self.effects[effect]
        self._plain["tokentape_cache_savings_usd_total"]

    def record(self, bill: Bill) -> None:
        """Add a bill, but for its lines."""
        self.priced[bill.status].value += 1
        total = bill.total
        if total is None:
            return
        if bill.subscription:
            self._add("tokentape_subscription_equivalent_usd_total", total)
            return
        if bill.items:
            self.costs.observe(float(total))
        if bill.savings:
            self._add("tokentape_cache_savings_usd_total", bill.savings)
            self.effects[CACHE_EFFECTS[bill.savings < 0]].value += abs(float(bill.savings))
        self._add("tokentape_batch_savings_usd_total", bill.batch_savings)
        if bill.waste_cause is not None:
            self.wasted[bill.waste_cause].value += float(bill.waste)

    def record_short(self, bill: Bill) -> None:
        """Add what an answer in few words took and cost; that it was one, the call says."""
        if bill.total is None or bill.subscription:
            return
        self._add("tokentape_short_answer_usd_total", bill.total)
        for item in bill.items:
            if item.kind in TOKEN_KINDS:
                self.short_tokens[item.kind].value += item.quantity

    def _add(self, name: str, amount: Decimal) -> None:
        if amount:
            self._plain[name].value += float(amount)


class ModelMeters:
    """The histograms of one model."""

    def __init__(self, instruments: Instruments, model: str) -> None:
        self._instruments = instruments
        self._model = model
        self._sets = Kept(self._set)

    def _set(self, name: str) -> Distribution:
        return self._instruments.distributions(name).at(self._model)

    def record(self, timings: Timings, trace_id: str, request_id: str, at: float) -> None:
        """Add the times of a finished call."""
        sets = self._sets
        if timings.headers is not None:
            headers = sets["tokentape_time_to_headers_seconds"]
            headers.observe_exemplar(timings.headers, trace_id, request_id, at)
        if timings.largest_gap is not None:
            gaps = sets["tokentape_stream_max_gap_seconds"]
            gaps.observe_exemplar(timings.largest_gap, trace_id, request_id, at)
        if timings.output_tokens_per_second is not None:
            sets["tokentape_output_tokens_per_second"].observe(timings.output_tokens_per_second)
