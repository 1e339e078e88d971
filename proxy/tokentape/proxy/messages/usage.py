"""Usage: how the token counts of one reply come together.

Rules for whoever changes this (types `Usage` and `MessageDeltaUsage` of the official SDK, beta ones
included, and its accumulation in `anthropic.lib.streaming`):

- Counts of a `message_delta` are cumulative. They overwrite, field by field, and are never added up.
- A field that is absent or null says nothing: the last value that was not null stands.
- In `message_start`, `output_tokens` and `output_tokens_details` are placeholders. A stream that
  dies before its `message_delta` has no known output count.
- The ttl split of cache writes, service tier, region and speed come in `message_start` only.
- `cache_creation_input_tokens` may grow in a `message_delta` while the split stays behind.
- `iterations` is a whole list each time; compaction and advisor tokens are not in the top-level counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.call import CacheWrites, Iteration, Usage
from tokentape.proxy.messages.tolerant import MAX_COUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.messages.tolerant import Notes

MAX_ITERATIONS: Final = 256

_COUNTS: Final = {
    "input_tokens": None,
    "output_tokens": None,
    "cache_read_input_tokens": None,
    "cache_creation_input_tokens": None,
}
"""An ordered set."""

_TEXTS: Final = ("service_tier", "inference_geo", "speed")
_NESTED: Final[dict[str, dict[str, str]]] = {
    "output_tokens_details": {"thinking_tokens": "thinking_tokens"},
    "server_tool_use": {
        "web_search_requests": "web_search_requests",
        "web_fetch_requests": "web_fetch_requests",
    },
    "cache_creation": {
        "ephemeral_5m_input_tokens": "ephemeral_5m_input_tokens",
        "ephemeral_1h_input_tokens": "ephemeral_1h_input_tokens",
    },
}
"""Object in `usage`, field in it, and what the field is called in `Usage`."""

_READERS: Final[dict[str, Callable[[object], Any]]] = {
    **dict.fromkeys(_COUNTS, tolerant.count),
    **dict.fromkeys(_TEXTS, tolerant.text),
}
NO_WRITES: Final = CacheWrites()
_IGNORED: Final = frozenset({"fallback_credit"})
_PLACEHOLDERS: Final = frozenset({"output_tokens", "output_tokens_details"})
_NOTHING: Final[frozenset[str]] = frozenset()
_ITERATION_TYPES: Final = frozenset({"message", "compaction", "advisor_message", "fallback_message"})


class UsageMerge:
    """Takes the `usage` objects of one reply in order and gives what they say together."""

    __slots__ = ("_fields", "_notes", "_seen", "_whole")

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._fields: dict[str, Any] = {}
        self._seen = False
        self._whole: Usage | None = None

    def take(self, usage: Usage) -> None:
        """Take the usage of a message that has no other."""
        self._whole = usage

    def start(self, usage: object) -> None:
        """Take the usage of a `message_start` event."""
        self._merge(usage, _PLACEHOLDERS)

    def update(self, usage: object) -> None:
        """Take the usage of a `message_delta` event, or of a whole message."""
        self._merge(usage, _NOTHING)

    def result(self) -> Usage | None:
        """The usage so far; `None` where the reply carried none."""
        return Usage(**self._fields) if self._seen else self._whole

    def _merge(self, usage: object, placeholders: frozenset[str]) -> None:
        if not tolerant.is_object(usage):
            return
        self._seen = True
        for key, value in usage.items():
            if value is None or key in placeholders:
                continue
            if key in _COUNTS and type(value) is int and 0 <= value <= MAX_COUNT:
                self._fields[key] = value
            elif key in _NESTED:
                self._nested(key, _NESTED[key], value)
            else:
                self._field(key, value)

    def _field(self, key: str, value: object) -> None:
        if (reader := _READERS.get(key)) is not None:
            if (read := reader(value)) is None:
                self._notes.error("usage_value")
            else:
                self._fields[key] = read
        elif key == "iterations" and tolerant.is_array(value):
            self._fields["iterations"] = _iterations(value, self._notes)
        elif key not in _IGNORED:
            self._notes.unfamiliar("usage", key)

    def _nested(self, key: str, known: dict[str, str], value: object) -> None:
        if not tolerant.is_object(value):
            self._notes.error("usage_value")
            return
        for inner, number in value.items():
            field = known.get(inner)
            if field is None:
                self._notes.unfamiliar("usage", f"{key}.{inner}")
            elif type(number) is int and 0 <= number <= MAX_COUNT:
                self._fields[field] = number
            elif number is not None:
                self._notes.error("usage_value")


def _iterations(entries: list[Any], notes: Notes) -> tuple[Iteration, ...]:
    read = tuple(_iteration(entry) for entry in entries[:MAX_ITERATIONS] if tolerant.is_object(entry))
    if len(read) < len(entries):
        notes.error("usage_iterations")
    for entry in read:
        if entry.type not in _ITERATION_TYPES:
            notes.unfamiliar("iteration", entry.type)
    return read


def _iteration(entry: dict[str, Any]) -> Iteration:
    counts = {name: tolerant.count(entry.get(name)) or 0 for name in _COUNTS}
    split = entry.get("cache_creation")
    parts = split if tolerant.is_object(split) else {}
    return Iteration(
        type=tolerant.name(entry.get("type")),
        model=tolerant.text(entry.get("model")),
        ephemeral_5m_input_tokens=tolerant.count(parts.get("ephemeral_5m_input_tokens")),
        ephemeral_1h_input_tokens=tolerant.count(parts.get("ephemeral_1h_input_tokens")),
        **counts,
    )


def cache_writes(usage: Usage, request_ttls: tuple[str, ...]) -> CacheWrites:
    """Cache writes by ttl, adding up to the API's total.

    What the split leaves over is put at the request's ttl: 1 hour where that is the only one asked
    for, or where nobody knows what was asked for and the split names no other; else 5 minutes, which is
    the API's default. A split beyond the total keeps its 1 hour part
    first, the dearer one.
    """
    short, long = usage.ephemeral_5m_input_tokens or 0, usage.ephemeral_1h_input_tokens or 0
    total = usage.cache_creation_input_tokens
    rest = 0 if total is None else total - short - long
    if not short and not long and not rest:
        return NO_WRITES
    if rest == 0:
        return CacheWrites(tokens_5m=short, tokens_1h=long)
    hours = request_ttls == ("1h",) or (not request_ttls and long > 0 and not short)
    if rest > 0 and hours:
        return CacheWrites(tokens_5m=short, tokens_1h=long + rest, assumed=True)
    if rest > 0:
        return CacheWrites(tokens_5m=short + rest, tokens_1h=long, assumed=True)
    kept = min(long, long + short + rest)
    return CacheWrites(tokens_5m=long + short + rest - kept, tokens_1h=kept, assumed=True)
