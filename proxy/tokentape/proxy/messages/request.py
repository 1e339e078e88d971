"""Request facts: what the body of a Messages request says, without its text.

The body is decoded once, into types that leave long text as the raw JSON it is; marks and media are
counted where they stand in the structure, so that a text about `cache_control` counts for nothing.
Parameters: `MessageCreateParams` of the official SDK, beta ones included.

Prefix hashes cover tools, system and messages up to their part, in the order in which the API's
prompt cache compares them (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching), as
JSON without `cache_control`: marks move from turn to turn and do not change what is cached. What is
hashed, salted, is checksum (CRC-32) and length of that text. To put the text itself through SHA-256
would cost as much as all else together, and 32 bits are plenty to tell whether two prompts of one
conversation differ.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.blocks import Block, Census, RawField, encode, starts_with
from tokentape.proxy.messages.call import RequestFacts
from tokentape.proxy.messages.hashing import digest

MAX_PREFIXES: Final = 64
"""Prefix hashes kept: the last ones. The chain still runs through all parts."""

PEEK: Final = 64 * 1024
"""Bytes at the start of a body, searched for the model where the body cannot be read whole."""

_BILLING: Final = b'"x-anthropic-billing-header:'
"""How the system block begins in which Claude Code sends billing data, different in every call."""

_STATE: Final = struct.Struct("<IQ")
_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"\\]{1,256})"')
_STREAM: Final = re.compile(rb'"stream"\s*:\s*(true|false)')


_COUNT: Final = msgspec.Meta(ge=0, le=2**63 - 1)


class _Message(msgspec.Struct, omit_defaults=True):
    role: str = ""
    content: str | list[Block] | None = None


class _Request(msgspec.Struct, omit_defaults=True):
    model: str | None = None
    max_tokens: Annotated[int, _COUNT] | None = None
    stream: bool | None = None
    messages: list[_Message] = []
    system: str | list[Block] | None = None
    tools: list[dict[str, Raw]] | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    cache_control: RawField = UNSET
    container: RawField = UNSET
    context_management: RawField = UNSET
    fallbacks: RawField = UNSET
    mcp_servers: RawField = UNSET
    metadata: RawField = UNSET
    output_config: RawField = UNSET
    prefill: RawField = UNSET
    stop_sequences: RawField = UNSET
    temperature: RawField = UNSET
    thinking: RawField = UNSET
    thread: RawField = UNSET
    tool_choice: RawField = UNSET
    top_k: RawField = UNSET
    top_p: RawField = UNSET


_decode = msgspec.json.Decoder(_Request).decode


class ReadRequest(NamedTuple):
    """What was read from a request body."""

    facts: RequestFacts
    user: str | None = None
    """Salted hash of `metadata.user_id`."""
    error: str | None = None
    """Parse error: `request_json` or `request_shape`."""


def read_request(body: bytes, salt: bytes) -> ReadRequest:
    """Read a whole body. A body of an unexpected shape gives the facts that can be had, an empty one none."""
    if not body:
        return ReadRequest(RequestFacts())
    try:
        request = _decode(body)
    except msgspec.ValidationError:
        return _read_loosely(body, salt)
    except tolerant.BROKEN:
        return ReadRequest(peek_request(body[:PEEK], len(body)), error="request_json")
    census = Census()
    if request.cache_control is not UNSET:
        census.mark(request.cache_control)
    chain = _Chain()
    if request.tools:
        _add_tools(request.tools, census, chain)
    if request.system:
        _add_system(request.system, census, chain)
    for index, message in enumerate(request.messages):
        _add_message(message, f"messages.{index}", census, chain)
    user = None if request.metadata is UNSET else _user(salt, _object(request.metadata))
    return ReadRequest(_facts(request, body, census, chain, salt), user)


def peek_request(start: bytes, size: int) -> RequestFacts:
    """Facts of a body of `size` bytes of which only the start is there: its model, its stream flag."""
    model, stream = _MODEL.search(start), _STREAM.search(start)
    return RequestFacts(
        model=tolerant.text(model[1].decode("utf-8", "replace")) if model else None,
        stream=stream[1] == b"true" if stream else None,
        body_bytes=size,
    )


class _Chain:
    """Sums up parts of a prompt one after the other, each together with all before it."""

    __slots__ = ("_checksum", "_length", "_states", "parts")

    def __init__(self) -> None:
        self._checksum = 0
        self._length = 0
        self._states: list[bytes] = []
        self.parts: list[str] = []

    def add(self, part: str, data: bytes) -> None:
        """Add one part of the prompt."""
        self._checksum = zlib.crc32(data, self._checksum)
        self._length += len(data)
        self._states.append(_STATE.pack(self._checksum, self._length))
        self.parts.append(part)

    def whole(self) -> bytes:
        """The sum of all parts."""
        return self._states[-1] if self._states else b""

    def hashes(self, salt: bytes) -> tuple[str, ...]:
        """Salted hashes of the last prefixes."""
        return tuple([digest(salt, b"prefix", state) for state in self._states[-MAX_PREFIXES:]])


def _add_tools(tools: list[dict[str, Raw]], census: Census, chain: _Chain) -> None:
    for tool in tools:
        if "cache_control" in tool:
            census.mark(tool.pop("cache_control"))
    chain.add("tools", encode(tools))


def _add_system(system: str | list[Block], census: Census, chain: _Chain) -> None:
    if isinstance(system, str):
        chain.add("system", system.encode())
        return
    census.blocks(system)
    chain.add("system", encode([block for block in system if not starts_with(block.text, _BILLING)]))


def _add_message(message: _Message, part: str, census: Census, chain: _Chain) -> None:
    content = message.content
    if isinstance(content, str):
        # To escape a long string as JSON again would cost more than all the rest.
        chain.add(part, f"{message.role}\0{content}".encode())
        return
    if content:
        census.blocks(content, assistant=message.role == "assistant")
    chain.add(part, encode(message))


def _facts(request: _Request, body: bytes, census: Census, chain: _Chain, salt: bytes) -> RequestFacts:
    repeated, repeated_tool = census.repeated_tool() if census.tool_uses else (0, None)
    return RequestFacts(
        model=tolerant.text(request.model),
        max_tokens=request.max_tokens,
        stream=request.stream,
        messages=len(request.messages),
        tools=len(request.tools or ()),
        tool_choice=None if request.tool_choice is UNSET else _word(request.tool_choice, "type"),
        thinking=None if request.thinking is UNSET else _word(request.thinking, "type"),
        effort=None if request.output_config is UNSET else _word(request.output_config, "effort"),
        service_tier=request.service_tier and tolerant.text(request.service_tier),
        speed=request.speed and tolerant.text(request.speed),
        inference_geo=request.inference_geo and tolerant.text(request.inference_geo),
        images=census.images,
        documents=census.documents,
        cache_marks=census.marks,
        cache_ttls=tuple(sorted(census.ttls)) if census.ttls else (),
        prefix_hashes=chain.hashes(salt),
        prefix_parts=tuple(chain.parts[-MAX_PREFIXES:]),
        body_hash=_body_hash(request, body, chain, salt),
        body_bytes=len(body),
        repeated_tool_calls=repeated,
        repeated_tool=repeated_tool,
        partial_conversation=_is_partial(request),
    )


def _body_hash(request: _Request, body: bytes, chain: _Chain, salt: bytes) -> str:
    """Hash of the sum of the prompt, of all other parameters, and of the body's length."""
    request.messages, request.system, request.tools = [], None, None
    return digest(salt, b"body", b"%d\0%b%b" % (len(body), chain.whole(), encode(request)))


def _object(field: RawField) -> dict[str, Any]:
    value = tolerant.parse(field) if isinstance(field, Raw) else None
    return value if tolerant.is_object(value) else {}


def _word(field: RawField, key: str) -> str | None:
    return tolerant.text(_object(field).get(key), 64)


_ALL_UNSET: Final = (UNSET, UNSET, UNSET)


def _is_partial(request: _Request) -> bool:
    """Whether the API knows more of the conversation than this body says."""
    fields = request.container, request.thread, request.fallbacks
    return fields != _ALL_UNSET and any(
        field is not UNSET and not starts_with(field, b"null") for field in fields
    )


def _user(salt: bytes, metadata: dict[str, Any]) -> str | None:
    user = metadata.get("user_id")
    return digest(salt, b"user", user.encode()) if isinstance(user, str) and user else None


def _read_loosely(body: bytes, salt: bytes) -> ReadRequest:
    """Read a body that is JSON of another shape than the API's: the API will refuse it, most likely."""
    value = tolerant.parse(body)
    if not tolerant.is_object(value):
        return ReadRequest(RequestFacts(body_bytes=len(body)), error="request_json")
    messages, tools = value.get("messages"), value.get("tools")
    facts = RequestFacts(
        model=tolerant.text(value.get("model")),
        max_tokens=tolerant.count(value.get("max_tokens")),
        stream=tolerant.flag(value.get("stream")),
        messages=len(messages) if tolerant.is_array(messages) else 0,
        tools=len(tools) if tolerant.is_array(tools) else 0,
        body_hash=digest(salt, b"body", body),
        body_bytes=len(body),
    )
    metadata = value.get("metadata")
    user = _user(salt, metadata) if tolerant.is_object(metadata) else None
    return ReadRequest(facts, user, error="request_shape")
