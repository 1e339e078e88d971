"""The attributes that nobody else has named: money, and what a proxy knows beside that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.telemetry.otel.attribute import Attribute

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.otel.values import Value


def _cost(kind: str) -> Callable[[Call, Bill | None], Value | None]:
    def read(_call: Call, bill: Bill | None) -> Value | None:
        if bill is None or bill.subscription:
            return None
        amounts = [item.usd for item in bill.items if item.kind == kind]
        return float(sum(amounts)) if amounts else None

    return read


def _line_items(_call: Call, bill: Bill | None) -> Value | None:
    if bill is None or bill.subscription or not bill.items:
        return None
    return tuple(f"{item.kind.value} {item.model} {item.quantity} {item.usd:f}" for item in bill.items)


MONEY: Final = (
    Attribute(
        "tokentape.cost.status",
        "string",
        "`exact`, `estimated` or `unpriced`.",
        lambda _, bill: bill.status.value if bill else None,
    ),
    Attribute(
        "tokentape.cost.usd",
        "double",
        "Cost in USD; absent where there is no price, and for subscriptions.",
        lambda _, bill: (
            float(bill.total) if bill and bill.total is not None and not bill.subscription else None
        ),
    ),
    Attribute(
        "tokentape.cost.subscription_equivalent_usd",
        "double",
        "What a call on a subscription would have cost at API prices: no money, never add it to a cost.",
        lambda _, bill: float(bill.total) if bill and bill.total is not None and bill.subscription else None,
    ),
    *(
        Attribute(
            f"tokentape.cost.{kind}_usd",
            "double",
            f"The part of the bill for {what}.",
            _cost(kind),
        )
        for kind, what in (
            ("input", "input tokens"),
            ("cache_read", "cache reads"),
            ("cache_write_5m", "cache writes that live five minutes"),
            ("cache_write_1h", "cache writes that live an hour"),
            ("output", "output tokens"),
            ("web_search", "web searches"),
            ("other", "all else"),
        )
    ),
    Attribute(
        "tokentape.cost.line_items",
        "string[]",
        "The bill, a text a line: kind, model whose price it is, quantity, exact USD.",
        _line_items,
    ),
    Attribute(
        "tokentape.cost.reasons",
        "string[]",
        "Why the bill is estimated or unpriced.",
        lambda _, bill: bill.reasons or None if bill else None,
    ),
    Attribute(
        "tokentape.cost.modifiers",
        "string[]",
        "What changed the list price, such as `batch`.",
        lambda _, bill: bill.modifiers or None if bill else None,
    ),
    Attribute(
        "tokentape.cost.cache_savings_usd",
        "double",
        "What the prompt cache saved; negative where writing cost more than reading saved.",
        lambda _, bill: float(bill.savings) if bill and bill.savings else None,
    ),
    Attribute(
        "tokentape.cost.wasted_usd",
        "double",
        "The part of the cost that bought nothing.",
        lambda _, bill: float(bill.waste) if bill and bill.waste_cause else None,
    ),
    Attribute(
        "tokentape.cost.waste_cause",
        "string",
        "`client_abort`, `stream_error`, `truncated` or `retry`.",
        lambda _, bill: bill.waste_cause if bill else None,
    ),
    Attribute(
        "tokentape.cost.price_table",
        "string",
        "Fingerprint of the prices used.",
        lambda _, bill: bill.price_table or None if bill else None,
    ),
)

OURS: Final = (
    Attribute("tokentape.call.id", "string", "Id of the call in the ledger.", lambda call, _: call.id),
    Attribute(
        "tokentape.outcome",
        "string",
        "How it ended: `" + "`, `".join(Outcome) + "`.",
        lambda call, _: call.outcome.value,
    ),
    Attribute("tokentape.engine", "string", "`relay` or `intercept`.", lambda call, _: call.engine),
    Attribute(
        "tokentape.client",
        "string",
        "Product and version of the client's user agent, such as `Anthropic/Python 2.12.0`.",
        lambda call, _: call.client,
    ),
    Attribute("tokentape.project", "string", "The label `project`.", lambda call, _: call.project),
    Attribute(
        "tokentape.cassette",
        "string",
        "The cassette that answered, where the label names one.",
        lambda call, _: call.labels.get("cassette"),
    ),
    Attribute(
        "tokentape.cache.outcome",
        "string",
        "What the prompt cache did: `hit`, `write`, `mixed`, `ignored` or `unmarked`.",
        lambda call, _: call.cache_outcome.value if call.cache_outcome else None,
    ),
    Attribute(
        "tokentape.cache.miss_reason",
        "string",
        "Why the cache was missed, where the request asked the API for it.",
        lambda call, _: call.cache_miss_reason,
    ),
    Attribute(
        "tokentape.request.messages",
        "int",
        "Messages in the request.",
        lambda call, _: call.request.messages or None,
    ),
    Attribute(
        "tokentape.request.tools", "int", "Tools in the request.", lambda call, _: call.request.tools or None
    ),
    Attribute(
        "tokentape.request.images",
        "int",
        "Images in the request.",
        lambda call, _: call.request.images or None,
    ),
    Attribute(
        "tokentape.request.documents",
        "int",
        "Documents in the request.",
        lambda call, _: call.request.documents or None,
    ),
    Attribute(
        "tokentape.request.body_bytes",
        "int",
        "Size of the request's body, decoded.",
        lambda call, _: call.request.body_bytes or None,
    ),
    Attribute(
        "tokentape.response.tool_calls",
        "string[]",
        "Names of the tools that the reply calls.",
        lambda call, _: tuple(tool.name for tool in call.tool_calls) or None,
    ),
    Attribute(
        "tokentape.tool_loop",
        "boolean",
        "True where the request repeats one identical tool call five times or more.",
        lambda call, _: call.tool_loop or None,
    ),
    Attribute(
        "tokentape.time_to_headers",
        "double",
        "Seconds until the head of the reply.",
        lambda call, _: call.timings.headers,
    ),
    Attribute(
        "tokentape.stream.max_gap",
        "double",
        "Seconds of the longest wait between two neighbouring events.",
        lambda call, _: call.timings.largest_gap,
    ),
    Attribute(
        "tokentape.output_tokens_per_second",
        "double",
        "Output tokens over the time from the first to the last.",
        lambda call, _: call.timings.output_tokens_per_second,
    ),
    Attribute(
        "tokentape.retry.of",
        "string",
        "Id of the attempt before this one; on spans there is a link to it, too.",
        lambda call, _: call.retry_of,
    ),
    Attribute(
        "tokentape.retry.cause",
        "string",
        "Error type or outcome of the attempt before this one.",
        lambda call, _: call.retry_cause,
    ),
    Attribute(
        "tokentape.retry.inferred",
        "boolean",
        "True where the attempts were matched by what was sent, since the client did not say.",
        lambda call, _: call.attempt_inferred or None,
    ),
    Attribute(
        "tokentape.credential",
        "string",
        "Short salted hash of the credential; the label of rate limits.",
        lambda call, _: call.credential,
    ),
    Attribute("tokentape.batch.id", "string", "Id of the batch.", lambda call, _: call.batch_id),
    Attribute(
        "tokentape.batch.size",
        "int",
        "Requests of the batch that this call created.",
        lambda call, _: call.batch_size,
    ),
    Attribute(
        "tokentape.batch.custom_id",
        "string",
        "`custom_id` of one result of a batch (events only).",
        lambda call, _: call.custom_id,
    ),
    Attribute(
        "tokentape.batch.result",
        "string",
        "What became of a batch's request (events only).",
        lambda call, _: call.result,
    ),
    Attribute(
        "tokentape.resumed",
        "boolean",
        "True where the observer began in the middle of the call, so that parts were not seen.",
        lambda call, _: call.resumed or None,
    ),
    Attribute(
        "tokentape.parse_errors",
        "string[]",
        "What could not be read.",
        lambda call, _: call.parse_errors or None,
    ),
)
