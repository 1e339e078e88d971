"""Totals: the stand-in's own truth about what it said.

A call counts as finished when its whole reply has been handed to the socket. What a fault cut short,
or a client did not wait for, stands apart: nobody can have seen all of it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tokentape.recorder.standin.turn import Usage

TOKEN_FIELDS: Final = tuple(Usage.__struct_fields__)


class Tokens(msgspec.Struct):
    """Calls and the sums of their tokens."""

    calls: int = 0
    input_tokens: int = 0
    cache_read_input_tokens: int = 0
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    web_search_requests: int = 0

    def add(self, usage: Usage, times: int = 1) -> None:
        """Add the tokens of some equal calls."""
        self.calls += times
        for field in TOKEN_FIELDS:
            setattr(self, field, getattr(self, field) + times * getattr(usage, field))


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer adds to the totals."""

    endpoint: str
    status: int
    model: str = ""
    usage: Usage | None = None
    stream: bool = False
    events: int = 0
    error: str = ""
    """The error type that the client is told, also inside a stream."""


class Totals(msgspec.Struct, kw_only=True):
    """Sums since the start or the last reset."""

    requests: int = 0
    """Requests read to their end."""
    finished: int = 0
    streams_finished: int = 0
    cut: int = 0
    """Replies that a fault ended early."""
    aborted: int = 0
    """Requests that the client did not finish, or whose reply it did not wait for."""
    refused: int = 0
    """Requests that broke HTTP or a limit of it."""
    events: int = 0
    """Events of the streams that were finished."""
    bytes_in: int = 0
    """Bodies of requests."""
    bytes_out: int = 0
    """Replies, heads and framing included."""
    by_status: dict[str, int] = {}
    by_endpoint: dict[str, int] = {}
    errors: dict[str, int] = {}
    """By error type, those inside streams included."""
    tokens: Tokens = msgspec.field(default_factory=Tokens)
    """Of finished calls."""
    models: dict[str, Tokens] = {}
    """The same by the model that served."""
    batch_tokens: Tokens = msgspec.field(default_factory=Tokens)
    """Of batches, counted when their results are first fetched."""
    unfinished_tokens: Tokens = msgspec.field(default_factory=Tokens)
    """What replies would have said that were cut, aborted, or ended by an `error` event."""

    def finish(self, tally: Tally, size: int, times: int = 1) -> None:
        """Count answers that were written whole, each of `size` bytes."""
        self.finished += times
        self.bytes_out += size * times
        _count(self.by_status, str(tally.status), times)
        _count(self.by_endpoint, tally.endpoint, times)
        if tally.error:
            _count(self.errors, tally.error, times)
        if tally.stream:
            self.streams_finished += times
            self.events += tally.events * times
        if tally.usage is not None and tally.error:
            self.unfinished_tokens.add(tally.usage, times)
        elif tally.usage is not None:
            self.tokens.add(tally.usage, times)
            self.models.setdefault(tally.model, Tokens()).add(tally.usage, times)

    def break_off(self, tally: Tally | None, size: int, *, by_client: bool) -> None:
        """Count an answer of which `size` bytes were written; `None`: not even begun."""
        if by_client:
            self.aborted += 1
        else:
            self.cut += 1
        self.bytes_out += size
        if tally is not None and tally.usage is not None:
            self.unfinished_tokens.add(tally.usage)


def _count(counts: dict[str, int], key: str, times: int) -> None:
    counts[key] = counts.get(key, 0) + times


def as_json(totals: Totals) -> Any:
    """The totals as JSON values."""
    return msgspec.to_builtins(totals)
