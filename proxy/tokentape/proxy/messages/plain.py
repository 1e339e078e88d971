"""Plain replies: a message as nearly all are, decoded into types, at half the price of looking at everything.

What is not plain (an unknown field of usage, iterations, diagnostics, a value of another type) is left to
`reply.read_any_body`, which says of all bodies what they say; this says the same of those it takes. Only
where nobody looks it is less strict: text that is no UTF-8, or a number beyond all floats, costs no usage.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.call import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

_Count = Annotated[int, msgspec.Meta(ge=0, le=tolerant.MAX_COUNT)] | None


class _Details(msgspec.Struct, forbid_unknown_fields=True):
    thinking_tokens: _Count = None


class _Searches(msgspec.Struct, forbid_unknown_fields=True):
    web_search_requests: _Count = None
    web_fetch_requests: _Count = None


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    ephemeral_5m_input_tokens: _Count = None
    ephemeral_1h_input_tokens: _Count = None


class PlainUsage(msgspec.Struct, forbid_unknown_fields=True):
    """`Usage` of the official SDK, whole."""

    input_tokens: _Count = None
    output_tokens: _Count = None
    cache_read_input_tokens: _Count = None
    cache_creation_input_tokens: _Count = None
    cache_creation: _Split | None = None
    output_tokens_details: _Details | None = None
    server_tool_use: _Searches | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None


class PlainBlock(msgspec.Struct):
    """A content block, as far as it is looked at."""

    type: str
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw | UnsetType = UNSET


class PlainMessage(msgspec.Struct):
    """`Message` of the official SDK, as far as it is looked at."""

    type: str
    id: str
    model: str
    content: list[PlainBlock]
    usage: PlainUsage
    stop_reason: str | None = None
    diagnostics: Raw | UnsetType = UNSET


_decode: Final = msgspec.json.Decoder(PlainMessage).decode
_NO_SPLIT: Final = _Split()
_NO_DETAILS: Final = _Details()
_NO_SEARCHES: Final = _Searches()

few: Final[Callable[[str | None], str | None]] = lru_cache(maxsize=256)(tolerant.text)
"""`tolerant.text` of a value of which there are few."""


def plain_message(body: bytes) -> PlainMessage | None:
    """The message in a body, if it is a plain one."""
    try:
        message = _decode(body)
    except tolerant.BROKEN:
        return None
    if message.type != "message" or message.diagnostics is not UNSET:
        return None
    usage = message.usage
    words = usage.service_tier, usage.inference_geo, usage.speed
    return message if all(word is None or few(word) == word for word in words) else None


def usage_of(plain: PlainUsage) -> Usage:
    """The usage of a plain message."""
    split = plain.cache_creation or _NO_SPLIT
    details = plain.output_tokens_details or _NO_DETAILS
    searches = plain.server_tool_use or _NO_SEARCHES
    return Usage(
        input_tokens=plain.input_tokens,
        output_tokens=plain.output_tokens,
        thinking_tokens=details.thinking_tokens,
        cache_read_input_tokens=plain.cache_read_input_tokens,
        cache_creation_input_tokens=plain.cache_creation_input_tokens,
        ephemeral_5m_input_tokens=split.ephemeral_5m_input_tokens,
        ephemeral_1h_input_tokens=split.ephemeral_1h_input_tokens,
        web_search_requests=searches.web_search_requests,
        web_fetch_requests=searches.web_fetch_requests,
        service_tier=plain.service_tier,
        inference_geo=plain.inference_geo,
        speed=plain.speed,
    )
