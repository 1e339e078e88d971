"""The account: what of a call is paid at whose price, and what had to be assumed to say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.messages.routes import MESSAGES
from tokentape.proxy.messages.usage import cache_writes
from tokentape.proxy.pricing.iterations import with_iterations
from tokentape.proxy.pricing.portions import Account, Counts, Portion
from tokentape.proxy.pricing.rates import ORDINARY, Circumstances

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.proxy.messages.call import CacheWrites, Call, Usage

CHARACTERS_PER_TOKEN: Final = 4
"""What a token is taken for where only characters of the output are known."""

ABORTED: Final = frozenset(
    {Outcome.CLIENT_ABORT, Outcome.UPSTREAM_ABORT, Outcome.TIMEOUT, Outcome.PROXY_ERROR}
)
BROKEN: Final = ABORTED | {Outcome.STREAM_ERROR}
"""Outcomes of replies that may lack their end."""

CHARGED: Final = frozenset({MESSAGES, "/v1/complete"})
"""Endpoints that cost something. Others are free; the results of batches are billed one by one."""

_SPEEDS: Final = frozenset({"standard", "fast"})
_GEOS: Final = frozenset({"us", "global", "not_available"})
_TIER_REASONS: Final = {"standard": None, "batch": None, "priority": "priority_tier"}
"""What a commitment to priority costs is in its contract: the list price stands in for it."""


def read_account(call: Call) -> Account:
    """What of a call is paid at whose price, and under what circumstances."""
    reasons: list[str] = []
    if call.usage is not None:
        _look_at_ending(call, reasons)
        return _with_usage(call, call.usage, reasons)
    if _is_free(call):
        return Account([], ORDINARY, [])
    _look_at_ending(call, reasons)
    return _without_usage(call, reasons)


def _is_free(call: Call) -> bool:
    """Whether a call without usage cost nothing."""
    charged = call.endpoint in CHARGED or call.model_served is not None
    if not charged or call.outcome is Outcome.API_ERROR:
        return True
    if call.error is not None and call.error.type == "connect_timeout":
        return True
    if call.outcome is Outcome.PROXY_ERROR:
        # The proxy's own answer: nothing came of the request. Without an answer, its worker was lost.
        return call.status is not None and call.status >= 400
    return call.outcome is Outcome.STREAM_ERROR and not call.resumed


def _without_usage(call: Call, reasons: list[str]) -> Account:
    """A call whose reply was not seen to its counts: all that is known is what arrived."""
    reasons.append("input_unknown" if call.outcome in BROKEN else "usage_unknown")
    model = call.model_served or call.model_asked
    if model is None and call.outcome in ABORTED and call.status is None:
        return Account([], ORDINARY, reasons)  # not even the request came through
    counts = Counts(output=estimated_output(call.characters.values()))
    return Account([Portion(model, counts)], ORDINARY, reasons)


def _with_usage(call: Call, usage: Usage, reasons: list[str]) -> Account:
    circumstances = _circumstances(call, usage, reasons)
    writes = _writes(call, usage)
    if writes.assumed:
        reasons.append("cache_split")
    if usage.input_tokens is None:
        reasons.append("input_unknown")
    served = call.model_served or call.model_asked
    top = Portion(
        served,
        Counts(
            usage.input_tokens or 0,
            usage.cache_read_input_tokens or 0,
            writes.tokens_5m,
            writes.tokens_1h,
            _output(call, usage, reasons),
            usage.web_search_requests or 0,
        ),
    )
    portions = [top]
    if usage.iterations:
        portions = with_iterations(served, top, usage.iterations, call.request.cache_ttls, reasons)
    return Account(portions, circumstances, reasons)


def estimated_output(characters: Iterable[int]) -> int:
    """Tokens that so many characters are taken for: a quarter of them, rounded up."""
    return -(-sum(characters) // CHARACTERS_PER_TOKEN)


def _look_at_ending(call: Call, reasons: list[str]) -> None:
    if call.outcome in ABORTED:
        reasons.append("aborted")
    elif call.outcome is Outcome.STREAM_ERROR:
        reasons.append("stream_error")
    elif call.stop_reason == "refusal" and call.usage is not None and not call.usage.output_tokens:
        # By its category, which is not known here, such a refusal is free of charge or is not.
        reasons.append("refusal")
    if call.resumed:
        reasons.append("resumed")


def _circumstances(call: Call, usage: Usage, reasons: list[str]) -> Circumstances:
    """What the reply says of tier, speed and region; where it is silent, what was asked for."""
    tier, speed, geo = usage.service_tier, usage.speed, usage.inference_geo
    if tier is not None and (reason := _TIER_REASONS.get(tier, "unknown_tier")):
        reasons.append(reason)
    if speed is None and call.request.speed == "fast":
        speed = "fast"
        reasons.append("speed_assumed")
    elif speed is not None and speed not in _SPEEDS:
        reasons.append("unknown_speed")
    if geo is None and call.request.inference_geo == "us":
        geo = "us"
        reasons.append("geo_assumed")
    elif geo is not None and geo not in _GEOS:
        reasons.append("unknown_geo")
    if tier != "batch" and speed != "fast" and geo != "us":
        return ORDINARY
    return Circumstances(tier == "batch", speed == "fast", geo == "us")


def _writes(call: Call, usage: Usage) -> CacheWrites:
    """The call's cache writes by ttl; worked out anew where they are not those of this usage."""
    writes = call.cache_writes
    total = usage.cache_creation_input_tokens
    if total is None or writes.tokens_5m + writes.tokens_1h == total:
        return writes
    return cache_writes(usage, call.request.cache_ttls)


def _output(call: Call, usage: Usage, reasons: list[str]) -> int:
    """Output tokens as told; where the reply broke off before its last count, as far as it is known."""
    told, broken = usage.output_tokens, call.outcome in BROKEN
    if told is not None and (not broken or call.stop_reason is not None):
        return told
    if not broken:
        reasons.append("output_unknown")
    return max(told or 0, estimated_output(call.characters.values()))
