"""Request facts: what the body of a Messages request says, without its text.

The body is decoded once, into types that leave every text as the raw JSON it is; marks and media are
counted where they stand in the structure, so that a text about `cache_control` counts for nothing.
Parameters: `MessageCreateParams` of the official SDK, beta ones included.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.blocks import Block, Census, RawField, encode, starts_with
from tokentape.proxy.messages.call import RequestFacts
from tokentape.proxy.messages.hashing import digest
from tokentape.proxy.messages.prefix import MAX_PREFIXES, Chain, unmarked

PEEK: Final = 64 * 1024
"""Bytes at the start of a body, searched for the model where the body cannot be read whole."""

_STRING, _LIST, _NULL = b'"[n'
_CONTENT: Final = (_STRING, _NULL, 0)
"""What the content of a message may begin with, beside a list: 0 where there is none."""

_BILLING: Final = b'"x-anthropic-billing-header:'
"""How the system block begins in which Claude Code sends billing data, different in every call."""

_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"\\]{1,256})"')
_STREAM: Final = re.compile(rb'"stream"\s*:\s*(true|false)')


_COUNT: Final = msgspec.Meta(ge=0, le=2**63 - 1)


_NOTHING: Final = Raw(b"")


class _Message(msgspec.Struct):
    role: Raw = _NOTHING
    content: Raw = _NOTHING


class _Tool(msgspec.Struct):
    cache_control: RawField = UNSET


class _Request(msgspec.Struct, omit_defaults=True):
    model: str | None = None
    max_tokens: Annotated[int, _COUNT] | None = None
    stream: bool | None = None
    messages: list[_Message] = []
    system: RawField = UNSET
    tools: RawField = UNSET
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
_decode_tools = msgspec.json.Decoder(list[_Tool] | None).decode
_decode_system = msgspec.json.Decoder(list[Block]).decode
_decode_contents = msgspec.json.Decoder(list[list[Block]]).decode


class ReadRequest(NamedTuple):
    """What was read from a request body."""

    facts: RequestFacts
    user: str | None = None
    """Salted hash of `metadata.user_id`."""
    error: str | None = None
    """Parse error: `request_json` or `request_shape`."""


def read_request(body: bytes, salt: bytes, size: int | None = None) -> ReadRequest:
    """Read a whole body. A body of an unexpected shape gives the facts that can be had, an empty one none.

    `size` is what it had in bytes, where its long strings were shortened.
    """
    size = len(body) if size is None else size
    if not body:
        return ReadRequest(RequestFacts())
    try:
        return _read_typed(_decode(body), size, salt)
    except msgspec.ValidationError:
        return _read_loosely(body, size, salt)
    except tolerant.BROKEN:
        return ReadRequest(peek_request(body[:PEEK], size), error="request_json")


def _read_typed(request: _Request, size: int, salt: bytes) -> ReadRequest:
    census, chain = Census(), Chain(salt)
    if request.cache_control is not UNSET:
        census.mark(request.cache_control)
    tools = _add_tools(request.tools, census, chain) if isinstance(request.tools, Raw) else 0
    if isinstance(request.system, Raw):
        _add_system(request.system, census, chain)
    _add_messages(request.messages, census, chain)
    user = None if request.metadata is UNSET else _user(salt, _object(request.metadata))
    return ReadRequest(_facts(request, size, tools, census, chain, salt), user)


def peek_request(start: bytes, size: int) -> RequestFacts:
    """Facts of a body of `size` bytes of which only the start is there: its model, its stream flag."""
    return _peeked(_MODEL.search(start), _STREAM.search(start), size)


def skim_request(start: bytes, end: bytes, size: int) -> RequestFacts:
    """The same of a body of which start and end are there."""
    model = _MODEL.search(start) or _MODEL.search(end)
    stream = _STREAM.search(start) or _STREAM.search(end)
    return _peeked(model, stream, size)


def _peeked(model: re.Match[bytes] | None, stream: re.Match[bytes] | None, size: int) -> RequestFacts:
    return RequestFacts(
        model=tolerant.text(model[1].decode("utf-8", "replace")) if model else None,
        stream=stream[1] == b"true" if stream else None,
        body_bytes=size,
    )


def _add_tools(tools: Raw, census: Census, chain: Chain) -> int:
    listed = _decode_tools(tools) or ()
    if not listed:
        return 0
    before = census.marks
    for tool in listed:
        if tool.cache_control is not UNSET:
            census.mark(tool.cache_control)
    chain.add("tools", unmarked(tools) if census.marks > before else tools)
    return len(listed)


def _add_system(system: Raw, census: Census, chain: Chain) -> None:
    kind = memoryview(system)[0]
    if kind == _LIST:
        _add_system_blocks(system, census, chain)
    elif kind == _STRING:
        if bytes(system) != b'""':
            chain.add("system", system)
    elif kind != _NULL:
        raise msgspec.ValidationError


def _add_system_blocks(system: Raw, census: Census, chain: Chain) -> None:
    blocks = _decode_system(system)
    before = census.marks
    census.blocks(blocks)
    if any(starts_with(block.text, _BILLING) for block in blocks):
        chain.add("system", encode([block for block in blocks if not starts_with(block.text, _BILLING)]))
    elif blocks:
        chain.add("system", unmarked(system) if census.marks > before else system)


def _add_messages(messages: list[_Message], census: Census, chain: Chain) -> None:
    contents: list[Raw | bytes] = [message.content for message in messages]
    lists: list[int] = []
    for index, content in enumerate(contents):
        view = memoryview(content)
        kind = view[0] if view else 0
        if kind == _LIST:
            lists.append(index)
        elif kind not in _CONTENT:
            raise msgspec.ValidationError
    if lists:
        _add_blocks(messages, lists, contents, census)
    chain.add_messages([message.role for message in messages], contents)


def _add_blocks(
    messages: list[_Message], lists: list[int], contents: list[Raw | bytes], census: Census
) -> None:
    """Count the blocks of these messages, decoded in one go, and take the marks off their contents."""
    many = _decode_contents(b"[%b]" % b",".join([contents[index] for index in lists]))
    for index, blocks in zip(lists, many, strict=True):
        before = census.marks
        census.blocks(blocks, assistant=bytes(messages[index].role) == b'"assistant"')
        if census.marks > before:
            contents[index] = unmarked(contents[index])


def _facts(  # noqa: PLR0913 - all that was read, once
    request: _Request, size: int, tools: int, census: Census, chain: Chain, salt: bytes
) -> RequestFacts:
    repeated, repeated_tool = census.repeated_tool() if census.tool_uses else (0, None)
    return RequestFacts(
        model=tolerant.text(request.model),
        max_tokens=request.max_tokens,
        stream=request.stream,
        messages=len(request.messages),
        tools=tools,
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
        prefix_sums=chain.sums(),
        prefix_parts=tuple(chain.parts[-MAX_PREFIXES:]),
        body_hash=_body_hash(request, size, chain, salt),
        body_bytes=size,
        repeated_tool_calls=repeated,
        repeated_tool=repeated_tool,
        partial_conversation=_is_partial(request),
    )


def _body_hash(request: _Request, size: int, chain: Chain, salt: bytes) -> str:
    """Hash of the sum of the prompt, of all other parameters, and of the body's length."""
    request.messages, request.system, request.tools = [], UNSET, UNSET
    return digest(salt, b"body", b"%d\0%b%b" % (size, chain.whole(), encode(request)))


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


def _read_loosely(body: bytes, size: int, salt: bytes) -> ReadRequest:
    """Read a body that is JSON of another shape than the API's: the API will refuse it, most likely."""
    value = tolerant.parse(body)
    if not tolerant.is_object(value):
        return ReadRequest(RequestFacts(body_bytes=size), error="request_json")
    messages, tools = value.get("messages"), value.get("tools")
    facts = RequestFacts(
        model=tolerant.text(value.get("model")),
        max_tokens=tolerant.count(value.get("max_tokens")),
        stream=tolerant.flag(value.get("stream")),
        messages=len(messages) if tolerant.is_array(messages) else 0,
        tools=len(tools) if tolerant.is_array(tools) else 0,
        body_hash=digest(salt, b"body", body),
        body_bytes=size,
    )
    metadata = value.get("metadata")
    user = _user(salt, metadata) if tolerant.is_object(metadata) else None
    return ReadRequest(facts, user, error="request_shape")
