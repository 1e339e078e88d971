"""The calls of a test: each exchange with the API as one typed value, with what it cost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from tokentape.proxy.pricing.bill import Bill, Status
from tokentape.proxy.pricing.book import open_book
from tokentape.proxy.pricing.price import price
from tokentape.recorder.cassette.interaction import Interaction
from tokentape.recorder.editing.calls import understood
from tokentape.recorder.editing.replies import content_of, message_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.proxy.messages.call import Call, Timings, Usage
    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.recorder.cassette.interaction import Request, Response
    from tokentape.recorder.testing.exchange import Exchange


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model called."""

    name: str
    input: Any
    """Parsed; its JSON text where that is broken."""
    id: str = ""


class MadeCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a test, retries included: each attempt is a call."""

    number: int
    """From 1, as messages count them."""
    verdict: str
    endpoint: str
    model: str
    """The served model without its date; where nothing was served, the asked one."""
    status: int | None
    stop_reason: str | None
    usage: Usage | None
    text: str
    """All text blocks of the reply, joined."""
    tools: tuple[ToolUse, ...]
    timings: Timings
    """As recorded, in seconds."""
    attempt: int
    """0, or which retry it is."""
    request: Request
    response: Response
    details: Call
    """All that is known of it."""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of a test cost, at the prices of their days; replayed, they cost nothing."""

    usd: Decimal
    """The sum over all calls that have a price."""
    unpriced: tuple[str, ...]
    """The models of calls without one."""
    tokens: int
    """Of all kinds, in and out."""
    bills: tuple[Bill, ...]
    """One a call."""


def calls_of(exchanges: Iterable[Exchange]) -> tuple[MadeCall, ...]:
    """The calls among exchanges, in order."""
    answered = [one for one in exchanges if one.api and one.response is not None]
    return tuple(_call(number, one) for number, one in enumerate(answered, 1))


def total_of(calls: Iterable[MadeCall]) -> Total:
    """What calls cost."""
    found = list(calls)
    bills = [price(call.details, _book()) for call in found]
    pairs = list(zip(found, bills, strict=True))
    return Total(
        usd=sum((bill.total for bill in bills if bill.total is not None), Decimal(0)),
        unpriced=tuple(dict.fromkeys(call.model for call, bill in pairs if bill.status is Status.UNPRICED)),
        tokens=sum(tokens_of(call) for call in found),
        bills=tuple(bills),
    )


def tokens_of(call: MadeCall) -> int:
    """All tokens of a call, in and out."""
    usage = call.usage
    if usage is None:
        return 0
    kinds = (
        usage.input_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.output_tokens,
    )
    return sum(count or 0 for count in kinds)


def _call(number: int, exchange: Exchange) -> MadeCall:
    assert exchange.response is not None
    now = datetime.now(UTC).timestamp()
    interaction = Interaction(
        request=exchange.request, response=exchange.response, recorded_at=exchange.recorded_at
    )
    call = understood(interaction, now)
    content = content_of(message_of(exchange.response) or {})
    return MadeCall(
        number=number,
        verdict=exchange.verdict.value,
        endpoint=call.endpoint,
        model=call.model,
        status=call.status,
        stop_reason=call.stop_reason,
        usage=call.usage,
        text="".join(str(block.get("text", "")) for block in content if block.get("type") == "text"),
        tools=tuple(_tool(block) for block in content if str(block.get("type", "")).endswith("tool_use")),
        timings=call.timings,
        attempt=call.attempt,
        request=exchange.request,
        response=exchange.response,
        details=call,
    )


def _tool(block: dict[str, Any]) -> ToolUse:
    return ToolUse(name=str(block.get("name")), input=block.get("input"), id=str(block.get("id", "")))


@cache
def _book() -> PriceBook:
    return open_book()
