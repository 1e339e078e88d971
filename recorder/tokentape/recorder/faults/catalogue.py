"""The catalogue: every fault declared once, with its keys. Specs, constructors and the page follow it."""

from __future__ import annotations

import enum
from typing import Final, Literal

import msgspec

from tokentape.recorder.wire.errors import STATUSES

Kind = Literal["count", "number", "seconds", "flag", "text", "choice"]


class Strikes(enum.StrEnum):
    """When a fault strikes."""

    CONNECTING = "connecting"
    """Before a request is read."""
    INSTEAD = "instead"
    """Something else is answered; the reply that was due stays for the next attempt."""
    REPLY = "reply"
    """The reply, on its way."""
    STREAM = "stream"
    """The reply, where it is a stream; other replies pass."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a fault."""

    name: str
    kind: Kind
    help: str
    default: str = ""
    """As the page shows it."""
    least: float = 0
    most: float = 1e9
    choices: tuple[str, ...] = ()


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a fault."""

    name: str
    help: str
    strikes: Strikes
    keys: tuple[Key, ...] = ()
    example: str
    spoils: bool = False
    """The client gets no whole reply and may ask again: a recording that was played is not used up."""
    messages_only: bool = False
    """It changes what a message says, so other endpoints pass."""


_RETRY: Final = (
    Key(name="retry_after", kind="seconds", help="Seconds to wait, as the header `retry-after`."),
    Key(
        name="retry_after_ms",
        kind="number",
        help="Milliseconds to wait, as the header `retry-after-ms`, which the SDKs prefer.",
    ),
)
"""Of errors that can be retried."""

_AFTER: Final = Key(
    name="after", kind="count", help="Events that come before.", default="1 (a seeded number in chaos)"
)
_RESET: Final = Key(name="reset", kind="flag", help="Closed by a RST instead of a FIN.", default="0")
_TOKENS: Final = Key(
    name="tokens", kind="count", help="Output tokens that are said.", default="half of the reply's"
)

KINDS: Final = ("requests", "tokens", "input_tokens", "output_tokens")
"""What the API limits (https://docs.anthropic.com/en/api/rate-limits)."""
CATEGORIES: Final = ("cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms")
"""`anthropic.types.RefusalStopDetails`."""

ENDPOINTS: Final = {
    "messages": "/v1/messages",
    "count_tokens": "/v1/messages/count_tokens",
    "batches": "/v1/messages/batches*",
    "models": "/v1/models*",
    "files": "/v1/files*",
}
"""Short names of endpoints, each a pattern over routes."""

SCOPE: Final = (
    Key(name="model", kind="text", help="The model asked for, as a pattern: `claude-opus-*`."),
    Key(
        name="endpoint",
        kind="text",
        help=f"{', '.join(f'`{name}`' for name in ENDPOINTS)}, or a route as a pattern: `/v1/files/*`.",
    ),
    Key(name="session", kind="text", help="The session, as a pattern."),
    Key(
        name="nth",
        kind="count",
        help="The first request that is struck, counted from 1 among those that fit, retries included. "
        "Without `times`, it is the only one.",
    ),
    Key(name="times", kind="count", help="Requests that are struck.", default="all"),
    Key(
        name="each",
        kind="choice",
        help="Where `nth` and `times` count anew: `session`, or `request`, which counts the attempts of "
        "one and the same request.",
        default="session",
        choices=("session", "request"),
    ),
)
"""The keys that faults have in common."""

DECLARATIONS: Final = (
    Declaration(
        name="overloaded",
        help="529 `overloaded_error`. SDKs try again.",
        strikes=Strikes.INSTEAD,
        keys=_RETRY,
        example="overloaded:times=2,retry_after_ms=1",
    ),
    Declaration(
        name="rate_limited",
        help="429 `rate_limit_error`, with the headers of the limit that was hit. SDKs try again.",
        strikes=Strikes.INSTEAD,
        keys=(
            msgspec.structs.replace(_RETRY[0], default="1, unless `retry_after_ms` is given"),
            _RETRY[1],
            Key(
                name="kind",
                kind="choice",
                help=f"The limit: {', '.join(f'`{kind}`' for kind in KINDS)}.",
                default="requests",
                choices=KINDS,
            ),
            Key(name="limit", kind="count", help="How many of it a minute.", default="50", least=1),
        ),
        example="rate_limited:retry_after=3,kind=input_tokens,limit=30000",
    ),
    Declaration(
        name="api_error",
        help="500 `api_error`. SDKs try again.",
        strikes=Strikes.INSTEAD,
        keys=_RETRY,
        example="api_error:nth=2,retry_after_ms=1",
    ),
    Declaration(
        name="timed_out",
        help="504 `timeout_error`. SDKs try again.",
        strikes=Strikes.INSTEAD,
        keys=_RETRY,
        example="timed_out:times=1,retry_after_ms=1",
    ),
    Declaration(
        name="too_large",
        help="413 `request_too_large`.",
        strikes=Strikes.INSTEAD,
        example="too_large:times=1",
    ),
    Declaration(
        name="prompt_too_long",
        help="400 `invalid_request_error`: the prompt exceeds the context window.",
        strikes=Strikes.INSTEAD,
        keys=(
            Key(name="tokens", kind="count", help="Tokens of the prompt.", default="one over the maximum"),
            Key(name="maximum", kind="count", help="What the model takes.", default="200000"),
        ),
        example="prompt_too_long:model=claude-haiku-*",
    ),
    Declaration(
        name="unauthorized",
        help="401 `authentication_error`.",
        strikes=Strikes.INSTEAD,
        example="unauthorized",
    ),
    Declaration(
        name="status",
        help="Any error status, with the API's error type for it.",
        strikes=Strikes.INSTEAD,
        keys=(
            Key(name="code", kind="count", help="The status.", default="500", least=400, most=599),
            *_RETRY,
        ),
        example="status:code=403",
    ),
    Declaration(
        name="refused",
        help="The connection is reset as soon as it is made, before a request is read. `nth` and `times` "
        "count connections, of whatever session.",
        strikes=Strikes.CONNECTING,
        example="refused:times=1",
        spoils=True,
    ),
    Declaration(
        name="hang_up",
        help="The connection is closed after the request, without a byte of an answer.",
        strikes=Strikes.INSTEAD,
        keys=(_RESET,),
        example="hang_up:times=1",
        spoils=True,
    ),
    Declaration(
        name="slow_headers",
        help="The whole reply comes later, its head included.",
        strikes=Strikes.REPLY,
        keys=(Key(name="seconds", kind="seconds", help="How much later.", default="5"),),
        example="slow_headers:seconds=2",
    ),
    Declaration(
        name="slow_first_event",
        help="The head of a stream comes, and its events come later.",
        strikes=Strikes.STREAM,
        keys=(Key(name="seconds", kind="seconds", help="How much later.", default="5"),),
        example="slow_first_event:seconds=2",
    ),
    Declaration(
        name="stall",
        help="After some events of a stream nothing but pings comes, for ever or for a time. A reply that "
        "is no stream stalls in the middle of its body, without pings.",
        strikes=Strikes.REPLY,
        keys=(
            _AFTER,
            Key(name="seconds", kind="seconds", help="Then the rest comes.", default="never"),
            Key(name="every", kind="seconds", help="Between two pings; 0: none.", default="10"),
        ),
        example="stall:after=3,every=1",
        spoils=True,
    ),
    Declaration(
        name="error_event",
        help="After some events of a stream comes an `error` event, under status 200. A request that asks "
        "for no stream gets the status that fits.",
        strikes=Strikes.REPLY,
        keys=(
            _AFTER,
            Key(
                name="type",
                kind="choice",
                help=f"The error type: {', '.join(f'`{name}`' for name in STATUSES)}.",
                default="overloaded_error",
                choices=tuple(STATUSES),
            ),
        ),
        example="error_event:after=3",
        spoils=True,
    ),
    Declaration(
        name="cut",
        help="The connection is closed after some events of a stream, or in the middle of the body of "
        "another reply.",
        strikes=Strikes.REPLY,
        keys=(
            _AFTER,
            Key(name="inside", kind="flag", help="In the middle of the next event.", default="0"),
            Key(
                name="byte",
                kind="count",
                help="Instead of `after`: bytes of the whole reply that come, head and framing included.",
            ),
            _RESET,
        ),
        example="cut:after=3,inside=1",
        spoils=True,
    ),
    Declaration(
        name="no_message_stop",
        help="A stream ends properly, but without its `message_stop`.",
        strikes=Strikes.STREAM,
        example="no_message_stop",
        spoils=True,
    ),
    Declaration(
        name="malformed",
        help="An event of a stream is broken JSON, the first that is no ping. Of another body only the "
        "first half comes, properly framed.",
        strikes=Strikes.REPLY,
        keys=(_AFTER,),
        example="malformed:after=2",
        spoils=True,
    ),
    Declaration(
        name="wrong_length",
        help="The content-length is wrong, and the connection ends with the body. A stream is sent under a "
        "content-length, too, instead of chunks.",
        strikes=Strikes.REPLY,
        keys=(
            Key(
                name="by",
                kind="number",
                help="Bytes too many; negative: too few.",
                default="10",
                least=-1e9,
            ),
        ),
        example="wrong_length:by=5",
        spoils=True,
    ),
    Declaration(
        name="truncated",
        help="The message ends early, with stop_reason `max_tokens` and the usage that fits; a stream is "
        "well-formed. Shorter messages pass.",
        strikes=Strikes.REPLY,
        keys=(_TOKENS,),
        example="truncated:tokens=4",
        messages_only=True,
    ),
    Declaration(
        name="context_window_exceeded",
        help="The message ends early, with stop_reason `model_context_window_exceeded`.",
        strikes=Strikes.REPLY,
        keys=(_TOKENS,),
        example="context_window_exceeded:tokens=4",
        messages_only=True,
    ),
    Declaration(
        name="refusal",
        help="The message ends early, with stop_reason `refusal` under status 200.",
        strikes=Strikes.REPLY,
        keys=(
            msgspec.structs.replace(_TOKENS, default="0"),
            Key(
                name="category",
                kind="choice",
                help=f"In `stop_details`: {', '.join(f'`{name}`' for name in CATEGORIES)}.",
                choices=CATEGORIES,
            ),
        ),
        example="refusal:category=cyber",
        messages_only=True,
    ),
    Declaration(
        name="tool_loop",
        help="The model calls a tool again, with the same input as the last time in the conversation: again "
        "and again. Requests without an earlier call pass, unless `tool` is given.",
        strikes=Strikes.INSTEAD,
        keys=(
            Key(name="tool", kind="text", help="The tool, called with an empty input if it was not before."),
        ),
        example="tool_loop:times=5",
        messages_only=True,
    ),
    Declaration(
        name="limits",
        help="A token bucket for each limit and session, refilled evenly over a minute: a request over a "
        "limit gets 429 with `retry-after`, and every reply carries the rate-limit headers. What is read "
        "from the prompt cache does not count.",
        strikes=Strikes.INSTEAD,
        keys=(
            Key(name="rpm", kind="count", help="Requests a minute.", least=1),
            Key(name="tpm", kind="count", help="Tokens a minute, input and output.", least=1),
            Key(name="itpm", kind="count", help="Input tokens a minute.", least=1),
            Key(name="otpm", kind="count", help="Output tokens a minute.", least=1),
        ),
        example="limits:rpm=60,tpm=60000",
    ),
)

DECLARED: Final = {declaration.name: declaration for declaration in DECLARATIONS}


def declaration(name: str) -> Declaration:
    """The declaration of a fault that exists."""
    return DECLARED[name]
