"""The Turn: what the stand-in says to one request, before it is bytes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.recorder.standin.text import spoken
from tokentape.recorder.standin.tokens import block_tokens, is_array, is_object, text_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.standin.behaviour import Behaviour, BlockKind
    from tokentape.recorder.standin.prompt_cache import InputTokens
    from tokentape.recorder.standin.request import MessageRequest

_SEARCH_OVERHEAD: Final = 10
"""Output tokens of one search, its query included."""


class Caller(msgspec.Struct, tag="direct", frozen=True):
    """Who calls a tool: the model itself."""


_DIRECT: Final = Caller()


class Text(msgspec.Struct, tag="text", frozen=True):
    """A `text` block."""

    text: str


class Thinking(msgspec.Struct, tag="thinking", frozen=True):
    """A `thinking` block."""

    thinking: str
    signature: str


class RedactedThinking(msgspec.Struct, tag="redacted_thinking", frozen=True):
    """A `redacted_thinking` block."""

    data: str


class ToolUse(msgspec.Struct, tag="tool_use", frozen=True):
    """A `tool_use` block."""

    id: str
    name: str
    input: dict[str, Any]
    caller: Caller = _DIRECT


class ServerToolUse(msgspec.Struct, tag="server_tool_use", frozen=True):
    """A `server_tool_use` block."""

    id: str
    name: str
    input: dict[str, Any]
    caller: Caller = _DIRECT


class SearchResult(msgspec.Struct, tag="web_search_tool_result", frozen=True):
    """A `web_search_tool_result` block."""

    tool_use_id: str
    content: list[dict[str, Any]]
    caller: Caller = _DIRECT


Block = Text | Thinking | RedactedThinking | ToolUse | ServerToolUse | SearchResult


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one call; input kinds are disjoint, `thinking_tokens` is a part of the output."""

    input_tokens: int
    cache_read_input_tokens: int = 0
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0
    output_tokens: int
    thinking_tokens: int = 0
    web_search_requests: int = 0


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: `costs` are the output tokens of each block, and add up to the usage's."""

    id: str
    model: str
    blocks: tuple[Block, ...]
    costs: tuple[int, ...]
    stop_reason: str
    stop_sequence: str | None
    stop_details: dict[str, Any] | None
    usage: Usage
    service_tier: str
    inference_geo: str
    speed: str | None
    iterations: tuple[dict[str, Any], ...]


def take_turn(
    request: MessageRequest,
    behaviour: Behaviour,
    model: str,
    spent: InputTokens,
    new_id: Callable[[str], str],
) -> Turn:
    """What a request is answered. `model` is the id that serves it."""
    kinds = behaviour.blocks if behaviour.blocks is not None else _kinds(request, behaviour)
    speaker = _Speaker(request, behaviour, new_id)
    for kind in kinds:
        speaker.say(kind)
    speaker.fill()
    reason = _stop_reason(behaviour, kinds, truncated=speaker.truncated)
    sequences = request.stop_sequences
    return Turn(
        id=new_id("msg"),
        model=behaviour.served_model or model,
        blocks=tuple(speaker.blocks),
        costs=tuple(speaker.costs),
        stop_reason=reason,
        stop_sequence=sequences[0] if sequences and reason == "stop_sequence" else None,
        stop_details=behaviour.stop_details,
        usage=Usage(
            input_tokens=spent.uncached,
            cache_read_input_tokens=spent.read,
            ephemeral_5m_input_tokens=spent.written_5m,
            ephemeral_1h_input_tokens=spent.written_1h,
            output_tokens=sum(speaker.costs),
            thinking_tokens=speaker.thought,
            web_search_requests=speaker.searches,
        ),
        service_tier=behaviour.service_tier,
        inference_geo=request.inference_geo or behaviour.inference_geo,
        speed=request.speed,
        iterations=behaviour.iterations,
    )


def _kinds(request: MessageRequest, behaviour: Behaviour) -> tuple[BlockKind, ...]:
    kinds: list[BlockKind] = []
    if request.thinking and request.thinking.on:
        kinds.append("thinking")
    if _calls_tool(request, behaviour):
        kinds.append("tool_use")
    else:
        kinds.append("text")
    return tuple(kinds)


def _calls_tool(request: MessageRequest, behaviour: Behaviour) -> bool:
    choice = request.tool_choice
    forced = bool(request.tools) and choice is not None and choice.type in {"any", "tool"}
    return forced or (behaviour.tool is not None and _tool_results(request) < behaviour.tool_turns)


def _tool_results(request: MessageRequest) -> int:
    """Messages that bring results of tools."""
    return sum(
        not isinstance(message.content, str)
        and any(block.get("type") == "tool_result" for block in message.content)
        for message in request.messages
    )


def _stop_reason(behaviour: Behaviour, kinds: tuple[BlockKind, ...], *, truncated: bool) -> str:
    if behaviour.stop_reason is not None:
        return behaviour.stop_reason
    if truncated:
        return "max_tokens"
    return "tool_use" if kinds and kinds[-1] == "tool_use" else "end_turn"


class _Speaker:
    """Says one block after another until the tokens are spent.

    Thinking and tools come first out of what there is; the text takes what they leave.
    """

    def __init__(self, request: MessageRequest, behaviour: Behaviour, new_id: Callable[[str], str]) -> None:
        self._request = request
        self._behaviour = behaviour
        self._new_id = new_id
        self._allowed = request.max_tokens
        self.blocks: list[Block] = []
        self.costs: list[int] = []
        self.thought = 0
        self.searches = 0
        self.truncated = False

    def say(self, kind: BlockKind) -> None:
        """Add the block or blocks of a kind."""
        if kind == "text":
            self._add(Text(""), 0)
        elif kind == "thinking":
            self._think()
        elif kind == "redacted_thinking":
            cost = self._grant(self._behaviour.thinking_tokens)
            self.thought += cost
            self._add(RedactedThinking(_opaque("redacted", 96)), cost)
        elif kind == "tool_use":
            self._use_tool()
        else:
            self._search()

    def fill(self) -> None:
        """Give the texts what is left; at least one token, where there is one."""
        places = [place for place, block in enumerate(self.blocks) if isinstance(block, Text)]
        text = self._behaviour.text
        wanted = text_tokens(text) if text is not None else self._behaviour.output_tokens - sum(self.costs)
        for number, place in enumerate(places):
            share = wanted // len(places) + (wanted % len(places) if number == 0 else 0)
            cost = self._grant(max(1, share))
            words = spoken(cost, self._behaviour.seed) if text is None else text[: 4 * cost]
            self.blocks[place] = Text(words)
            self.costs[place] = cost

    def _add(self, block: Block, cost: int) -> None:
        self.blocks.append(block)
        self.costs.append(cost)

    def _grant(self, wanted: int) -> int:
        """As much of it as `max_tokens` leaves."""
        granted = min(wanted, self._allowed)
        self.truncated = self.truncated or granted < wanted
        self._allowed -= granted
        return granted

    def _think(self) -> None:
        cost = self._grant(self._behaviour.thinking_tokens)
        self.thought += cost
        self._add(Thinking(spoken(cost, self._behaviour.seed + 1), _opaque("signature", 192)), cost)

    def _use_tool(self) -> None:
        name, arguments = self._tool()
        wanted = block_tokens({"name": name, "input": arguments})
        if self._behaviour.tool is None and "text" not in (self._behaviour.blocks or ()):
            wanted = max(wanted, self._behaviour.output_tokens - sum(self.costs))
        self._add(ToolUse(self._new_id("toolu"), name, arguments), self._grant(wanted))

    def _tool(self) -> tuple[str, dict[str, Any]]:
        if (tool := self._behaviour.tool) is not None:
            return tool.name, tool.input
        tools = self._request.tools or [{"name": "lookup"}]
        choice = self._request.tool_choice
        wanted = choice.name if choice else None
        chosen = next((tool for tool in tools if tool.get("name") == wanted), tools[0])
        return str(chosen.get("name")), _arguments(chosen.get("input_schema"))

    def _search(self) -> None:
        for number in range(self._behaviour.web_searches):
            use = self._new_id("srvtoolu")
            query = {"query": f"tape number {number + 1}"}
            self._add(ServerToolUse(use, "web_search", query), self._grant(_SEARCH_OVERHEAD))
            result = {
                "type": "web_search_result",
                "title": "The tape",
                "url": f"https://example.com/tape/{number + 1}",
                "encrypted_content": _opaque("result", 256),
                "page_age": None,
            }
            self._add(SearchResult(use, [result]), 0)
            self.searches += 1


_EXAMPLES: Final[dict[str, Any]] = {
    "string": "example",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


def _arguments(schema: object) -> dict[str, Any]:
    """Arguments that fit a tool's schema as far as its own properties go."""
    properties = schema.get("properties") if is_object(schema) else None
    if not is_object(properties):
        return {}
    return {name: _example(value) for name, value in properties.items()}


def _example(schema: object) -> Any:
    if not is_object(schema):
        return None
    if is_array(choices := schema.get("enum")) and choices:
        return choices[0]
    return _EXAMPLES.get(str(schema.get("type")), "example")


def _opaque(what: str, size: int) -> str:
    """Base64 that looks like the API's opaque values."""
    pattern = f"standin {what} ".encode()
    return base64.b64encode((pattern * size)[:size]).decode()
