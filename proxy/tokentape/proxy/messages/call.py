"""The Call: an exchange understood as an API call. Pure data, without prompt or answer text.

Every field is either as the API said it or `None`; nothing is guessed here. Token counts are
tokens, times are seconds, `*_at` are seconds since the epoch. Field names follow the API's own
where the API has one (`anthropic.types.Message`, `anthropic.types.Usage` of the SDK).
"""

from __future__ import annotations

import enum

import msgspec


class Outcome(enum.StrEnum):
    """How a call ended; the values are the `outcome` label of the metrics."""

    OK = "ok"
    API_ERROR = "api_error"
    """The API answered with an error status."""
    STREAM_ERROR = "stream_error"
    """An `error` event inside a stream that began with status 200."""
    CLIENT_ABORT = "client_abort"
    UPSTREAM_ABORT = "upstream_abort"
    """The upstream connection ended before the reply was complete."""
    TIMEOUT = "timeout"
    PROXY_ERROR = "proxy_error"
    """The proxy itself answered, for example because the upstream could not be reached."""


class CacheOutcome(enum.StrEnum):
    """What the prompt cache did; the values are the `outcome` label of the cache metric."""

    HIT = "hit"
    """Read, and wrote nothing."""
    WRITE = "write"
    """Wrote, and read nothing."""
    MIXED = "mixed"
    """Read and wrote."""
    IGNORED = "ignored"
    """`cache_control` was sent, and nothing was written or read: usually under the model's minimum."""
    UNMARKED = "unmarked"
    """No `cache_control` in the request, and nothing was read or written."""


class Iteration(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `usage.iterations` (beta): tokens that the top-level fields may not contain."""

    type: str
    """message, compaction, advisor_message, fallback_message, or a newer kind."""
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts as the API gave them, merged field by field, last non-null value wins.

    `None` means that the API did not say. `output_tokens` is `None` where only the placeholder of
    `message_start` was seen. Input kinds are disjoint: `input_tokens` excludes cached ones.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    """A part of `output_tokens`."""
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    """The total of cache writes; the split below may be missing or smaller."""
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None
    web_search_requests: int | None = None
    web_fetch_requests: int | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None
    iterations: tuple[Iteration, ...] = ()


class CacheWrites(msgspec.Struct, frozen=True, kw_only=True):
    """Cache writes by ttl, made complete: the two always add up to the API's total."""

    tokens_5m: int = 0
    tokens_1h: int = 0
    assumed: bool = False
    """True where the API gave no full split and the remainder was put at the request's ttl."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """One tool use block of the reply."""

    name: str
    id: str | None
    block_type: str
    """tool_use, server_tool_use or mcp_tool_use."""
    input_digest: str | None
    """Salted hash of the canonical JSON of the input; `None` where it was too long or never complete."""
    input_characters: int


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the request body says, without its text."""

    model: str | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    """What was asked. What happened is `Call.stream`."""
    messages: int = 0
    tools: int = 0
    tool_choice: str | None = None
    thinking: str | None = None
    """`thinking.type`."""
    effort: str | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    images: int = 0
    documents: int = 0
    cache_marks: int = 0
    """How many `cache_control` marks there are, automatic (top-level) ones included."""
    cache_ttls: tuple[str, ...] = ()
    """Distinct ttls of the marks, such as ("1h", "5m"), sorted."""
    prefix_sums: tuple[int, ...] = ()
    """Chained checksums of tools, system, and each message: entry i covers all up to i."""
    prefix_parts: tuple[str, ...] = ()
    """What each prefix ends with: `tools`, `system`, `messages.0`, ..."""
    body_hash: str | None = None
    """Salted hash of the whole body: attempts of one call share it."""
    body_bytes: int = 0
    repeated_tool_calls: int = 0
    """The most often that one identical (tool, input) pair occurs in the request's own messages."""
    repeated_tool: str | None = None
    """The tool of that pair."""
    partial_conversation: bool = False
    """A container, thread or fallback makes the body less than the whole conversation."""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One `anthropic-ratelimit-<kind>-*` group of a response."""

    kind: str
    """requests, tokens, input_tokens or output_tokens."""
    limit: int | None = None
    remaining: int | None = None
    reset_at: float | None = None


class RateLimitWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One `anthropic-ratelimit-unified-<window>-*` group: a subscription's window."""

    window: str
    """5h or 7d."""
    utilization: float | None = None
    """0 to 1."""
    reset_at: float | None = None
    status: str | None = None


class CallError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call failed. Low cardinality: a message can hold anything, so it is not kept."""

    type: str
    """The API's error type, or the proxy's own reason such as `upstream_unreachable`."""
    code: str | None = None
    """`error.details.error_code`."""


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, counted from the moment the request head had come in, `None` where it never happened."""

    duration: float
    """Until the last byte, or the end of the connection."""
    headers: float | None = None
    first_event: float | None = None
    """The first SSE event of any kind."""
    first_token: dict[str, float] = {}
    """By block kind (text, thinking, tool_use): the first `content_block_delta` of that kind."""
    first_token_any: float | None = None
    last_token: float | None = None
    largest_gap: float | None = None
    """The longest wait between two neighbouring events of a stream."""
    output_tokens_per_second: float | None = None
    """Output tokens over the time from first to last token; streams with a known output only."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's W3C trace context."""

    trace_id: str
    span_id: str
    sampled: bool
    tracestate: str | None = None


class Call(msgspec.Struct, kw_only=True):
    """An exchange understood as an API call."""

    id: str
    """Unique: worker and exchange number."""
    engine: str
    method: str
    endpoint: str
    """Route template with ids replaced, such as `/v1/messages/batches/{id}/results`; `other` if unknown."""
    started_at: float
    ended_at: float
    outcome: Outcome
    status: int | None
    """HTTP status the client saw; `None` if it saw none."""
    error: CallError | None = None
    model: str
    """The `model` label: served, else asked, name, less a date and a `[...]` suffix; `none` if neither."""
    model_asked: str | None = None
    model_served: str | None = None
    stream: bool = False
    """The response was an event stream."""
    request: RequestFacts = RequestFacts()
    usage: Usage | None = None
    """`None` where the reply carried none."""
    cache_writes: CacheWrites = CacheWrites()
    cache_outcome: CacheOutcome | None = None
    """`None` where there was no usage to judge by."""
    cache_miss_reason: str | None = None
    """`diagnostics.cache_miss_reason.type`, where the request asked for it."""
    message_id: str | None = None
    stop_reason: str | None = None
    blocks: dict[str, int] = {}
    """Content blocks of the reply by type."""
    characters: dict[str, int] = {}
    """Characters of the reply by block kind (text, thinking, tool_use), to estimate aborted output."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_loop: bool = False
    timings: Timings
    rate_limits: tuple[RateLimit, ...] = ()
    rate_limit_windows: tuple[RateLimitWindow, ...] = ()
    subscription: bool = False
    """Authenticated by an OAuth token, or answered with unified rate-limit headers."""
    credential: str | None = None
    """Short salted hash of the credential."""
    organization_id: str | None = None
    request_id: str | None = None
    labels: dict[str, str] = {}
    project: str = "default"
    session: str | None = None
    user: str | None = None
    """Salted hash of `metadata.user_id`."""
    client: str | None = None
    """Product and version of the user agent, such as `Anthropic/Python 2.12.0`."""
    api_version: str | None = None
    betas: tuple[str, ...] = ()
    trace: Trace | None = None
    attempt: int = 0
    """`x-stainless-retry-count`, or the inferred count."""
    attempt_inferred: bool = False
    retry_of: str | None = None
    """The id of the attempt before this one, where it was seen."""
    retry_cause: str | None = None
    """Error type or outcome of the attempt before this one."""
    retry_after: float | None = None
    """Seconds, from `retry-after-ms` or `retry-after` of an error reply."""
    batch_id: str | None = None
    batch_size: int | None = None
    """Requests of the batch that this call created."""
    custom_id: str | None = None
    """Of one result of a batch; the call that fetched the results has none."""
    result: str | None = None
    """What became of a batch's request: succeeded, errored, canceled, expired, or `other`."""
    resumed: bool = False
    """The observer was started while this call was under way, so parts were not seen."""
    unknown: tuple[str, ...] = ()
    """Event types, delta types and usage fields this version does not know, as `event:name`."""
    parse_errors: tuple[str, ...] = ()
    """Reasons, low cardinality, such as `request_json`, `event_json`, `decoding`."""


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a request has been read: enough to create a metric's label sets."""

    id: str
    endpoint: str
    model: str
    project: str
    labels: dict[str, str]
