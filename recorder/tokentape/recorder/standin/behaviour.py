"""Behaviour: what the stand-in is told to do, for a process or for one request.

A process has one `Behaviour`. A request changes fields of it with the header `x-standin-behaviour`,
a JSON object of the fields to change; where a client can only choose a model, `by_model` does the
same by the model's name.
"""

from __future__ import annotations

import fnmatch
from typing import Any, Final, Literal

import msgspec

HEADER: Final = b"x-standin-behaviour"

BlockKind = Literal["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"]


class Tool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool call that the stand-in makes."""

    name: str
    input: dict[str, Any] = {}


class RateLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits a minute that the rate-limit headers speak of. They are reported, not enforced."""

    requests: int = 4_000
    input_tokens: int = 2_000_000
    output_tokens: int = 400_000


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests are answered. Times are seconds, sizes are tokens of about four characters."""

    head_seconds: float = 0.0
    """From the end of the request to the response head of a stream, and its `message_start`."""
    ttft: float = 0.0
    """From the end of the request to the first content delta."""
    tokens_per_second: float = 0.0
    """0 is as fast as possible. A reply that is no stream takes as long as its stream would."""
    output_tokens: int = 40
    """What a reply spends, thinking and tool input included; the text gets what they leave."""
    chunk_tokens: int = 4
    """Tokens a delta."""
    text: str | None = None
    """The answer's text; it then decides `output_tokens`."""
    blocks: tuple[BlockKind, ...] | None = None
    """Content blocks in order. Without it the request decides: thinking where it is on, a tool where
    one is forced or `tool` is set, else text."""
    thinking_tokens: int = 16
    """A part of `output_tokens`, where there is thinking."""
    tool: Tool | None = None
    """The tool to call; without it the request's own first, or forced, tool."""
    tool_turns: int = 1
    """After so many tool results in the conversation, `tool` is left and the answer is text."""
    web_searches: int = 1
    """Searches of a `server_tool_use` block."""
    stop_reason: str | None = None
    stop_details: dict[str, Any] | None = None
    served_model: str | None = None
    """Named in the reply instead of the model that was asked for."""
    service_tier: Literal["standard", "priority", "batch"] = "standard"
    inference_geo: str = "not_available"
    iterations: tuple[dict[str, Any], ...] = ()
    """Put into `usage.iterations` (beta) as it is."""
    message_deltas: int = 1
    """`message_delta` events at the end of a stream, each with the usage up to there."""
    unknown_event: bool = False
    """Send an event of an unknown name in the middle of streams."""
    pings: bool = True
    """Send the `ping` that follows the first `content_block_start`."""
    ping_seconds: float = 10.0
    """Between two pings while a stream waits for its first token or is stalled."""
    padding: bool = True
    """Pad event data with spaces before the last brace, as the API does."""
    encoding: Literal["identity", "gzip", "br", "zstd", "accept"] = "identity"
    """Content coding of replies; `accept` takes the first of br, gzip, zstd that the client accepts."""
    cache: bool = True
    """Simulate the prompt cache."""
    any_model: bool = False
    """Serve models that do not exist, instead of 404."""
    batch_polls: int = 1
    """The look at a batch that finds it ended."""
    results_url: str = ""
    """Base of a batch's `results_url`; without it the host that the request named. The official SDKs
    fetch results from there, past whatever proxy their base_url names."""
    separate: bool = False
    """One write, and so one TCP segment, for each event, streams taking turns; else all that is due
    is written together."""
    repeat: bool = False
    """For load: requests of equal head, length, start and end get the same reply again, rendered once."""
    fault: str = ""
    """What goes wrong, as docs/faults.md has it."""
    chaos: str = ""
    """A part of all requests that goes wrong, such as `5%`, the same ones for the same `seed`."""
    id: str = ""
    """The session, as far as faults are counted by it."""
    seed: int = 0
    """Of texts, paddings and chaos. Ids are counted from the process's seed."""
    rate_limits: RateLimits = RateLimits()


class Settings(Behaviour, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The behaviour of a process."""

    by_model: dict[str, dict[str, Any]] = {}
    """Changes by the model asked for: the first pattern (`fnmatch`) that fits counts."""


class BehaviourError(ValueError):
    """A behaviour that cannot be understood; the message says which field."""


def read_settings(text: str | bytes) -> Settings:
    """The settings of a process from JSON.

    Raises:
        BehaviourError: it is no JSON object, a field is unknown or has the wrong type.
    """
    try:
        return msgspec.json.decode(text, type=Settings)
    except msgspec.MsgspecError as error:
        raise BehaviourError(str(error)) from None


def changed(behaviour: Behaviour, changes: dict[str, Any]) -> Behaviour:
    """The behaviour with some fields changed.

    Raises:
        BehaviourError: a field is unknown or has the wrong type.
    """
    merged = {name: getattr(behaviour, name) for name in Behaviour.__struct_fields__} | changes
    try:
        return msgspec.convert(merged, Behaviour, from_attributes=True)
    except msgspec.MsgspecError as error:
        raise BehaviourError(str(error)) from None


class Behaviours:
    """Finds the behaviour for each request."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._plain = changed(settings, {})
        self._known: dict[tuple[str, bytes], Behaviour] = {}

    def find(self, model: str, header: bytes) -> Behaviour:
        """The behaviour for a model asked for (empty: none) and a header (empty: none).

        Raises:
            BehaviourError: the header cannot be understood.
        """
        if not header and not self.settings.by_model:
            return self._plain
        key = model, header
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            known = self._known[key] = self._find(model, header)
        return known

    def _find(self, model: str, header: bytes) -> Behaviour:
        by_model = self.settings.by_model
        fitting = [by_model[name] for name in by_model if fnmatch.fnmatchcase(model, name)]
        changes = dict(fitting[0]) if fitting else {}
        if header:
            changes |= _object(header)
        return changed(self.settings, changes)


_KNOWN: Final = 1024


def _object(header: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(header, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise BehaviourError(str(error)) from None
