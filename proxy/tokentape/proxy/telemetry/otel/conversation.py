"""A request and its reply in the shape that the conventions give to content.

Shapes: `gen-ai-input-messages.json` and its like beside
https://github.com/open-telemetry/semantic-conventions/blob/v1.41.1/docs/gen-ai/gen-ai-spans.md; blocks:
`ContentBlockParam` and `ContentBlock` of the official SDK. Media become references to what was sent.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.sse import EventSplitter, parse_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}
"""The schema's words for stop reasons; others stay as the API said them."""

_MEDIA: Final = {"image": "image", "document": "document", "container_upload": "file"}
_APPENDED: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_PIECES: Final = " pieces"
"""Key of what the deltas of a block brought; no field of the API's has a space."""


def input_messages(messages: object) -> list[dict[str, Any]]:
    """`gen_ai.input.messages`. Results of tools stand in messages of the role `tool`."""
    found: list[dict[str, Any]] = []
    for message in _objects(messages):
        role, content = message.get("role"), message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(_objects(content))
        results = [block for block in blocks if block.get("type") == "tool_result"]
        others = [block for block in blocks if block.get("type") != "tool_result"]
        if results:
            found.append({"role": "tool", "parts": [part(block) for block in results]})
        if others:
            found.append(
                {"role": role if isinstance(role, str) else "user", "parts": list(map(part, others))}
            )
    return found


def system_instructions(system: object) -> list[dict[str, Any]]:
    """`gen_ai.system_instructions`."""
    if isinstance(system, str):
        return [{"type": "text", "content": system}]
    return [part(block) for block in _objects(system)]


def tool_definitions(tools: object) -> list[dict[str, Any]]:
    """`gen_ai.tool.definitions`. Tools of the API itself have a type of their own and no schema."""
    return [_tool(tool) for tool in _objects(tools)]


def output_messages(message: dict[str, Any]) -> list[dict[str, Any]]:
    """`gen_ai.output.messages`; empty where there is no reply."""
    blocks = list(_objects(message.get("content")))
    stop = message.get("stop_reason")
    if not blocks and stop is None:
        return []
    reason = FINISH_REASONS.get(stop, stop) if isinstance(stop, str) else "error"
    return [{"role": "assistant", "parts": [part(block) for block in blocks], "finish_reason": reason}]


def read_message(body: bytes, *, stream: bool) -> dict[str, Any]:
    """The message of a reply, as far as it came; empty where there is none."""
    if stream:
        return _read_stream(body)
    value = tolerant.parse(body)
    return value if tolerant.is_object(value) and value.get("type") == "message" else {}


def part(block: dict[str, Any]) -> dict[str, Any]:
    """One content block as a message part; of an unknown one its type alone."""
    kind = block.get("type")
    make = _PARTS.get(kind) if isinstance(kind, str) else None
    if make is not None:
        return make(block)
    if isinstance(kind, str) and kind.endswith("_tool_result"):
        said = {"type": "server_tool_call_response", "id": block.get("tool_use_id")}
        return {**said, "server_tool_call_response": {"type": kind}}
    return {"type": _text(kind) or "unknown"}


def _tool_call(block: dict[str, Any]) -> dict[str, Any]:
    named = {"id": block.get("id"), "name": _text(block.get("name"))}
    return {"type": "tool_call", **named, "arguments": block.get("input")}


def _tool_result(block: dict[str, Any]) -> dict[str, Any]:
    response = _response(block.get("content"))
    return {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": response}


def _server_tool_call(block: dict[str, Any]) -> dict[str, Any]:
    name = _text(block.get("name"))
    call = {"type": name, "arguments": block.get("input")}
    return {"type": "server_tool_call", "id": block.get("id"), "name": name, "server_tool_call": call}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    kind, name = tool.get("type"), _text(tool.get("name"))
    if isinstance(kind, str) and kind != "custom":
        return {"type": kind, "name": name}
    described = {"description": tool["description"]} if isinstance(tool.get("description"), str) else {}
    return {"type": "function", "name": name, **described, "parameters": tool.get("input_schema")}


def _response(content: object) -> Any:
    if isinstance(content, str) or content is None:
        return content or ""
    return [part(block) for block in _objects(content)]


def _media(block: dict[str, Any]) -> dict[str, Any]:
    modality = _MEDIA[_text(block.get("type"))]
    source: Any = block.get("source")
    if not tolerant.is_object(source):
        source = {"type": "file", "file_id": block.get("file_id")}
    mime = source.get("media_type")
    head = {"modality": modality, **({"mime_type": mime} if isinstance(mime, str) else {})}
    match source.get("type"):
        case "url":
            return {"type": "uri", **head, "uri": _text(source.get("url"))}
        case "file":
            return {"type": "file", **head, "file_id": _text(source.get("file_id"))}
        case "text":
            return {"type": "text", "content": _text(source.get("data"))}
        case "content":
            return {"type": modality, "parts": _response(source.get("content"))}
        case _:
            return {"type": "uri", **head, **_fingerprint(_text(source.get("data")))}


_PARTS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "text": lambda block: {"type": "text", "content": _text(block.get("text"))},
    "thinking": lambda block: {"type": "reasoning", "content": _text(block.get("thinking"))},
    "tool_use": _tool_call,
    "mcp_tool_use": _tool_call,
    "tool_result": _tool_result,
    "server_tool_use": _server_tool_call,
    **dict.fromkeys(_MEDIA, _media),
}


def _fingerprint(data: str) -> dict[str, Any]:
    """Which data it was, without the data; `elided:` is the mark of a large request's long strings."""
    if data.startswith("elided:"):
        return {"uri": f"urn:tokentape:{data}"}
    digest = hashlib.sha256(data.encode("utf-8", "replace")).hexdigest()
    return {"uri": f"urn:tokentape:base64-sha256:{digest}", "size": len(data) * 3 // 4}


def _read_stream(body: bytes) -> dict[str, Any]:
    splitter = EventSplitter()
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in splitter.feed(body):
        name, data = parse_event(event)
        value = tolerant.parse(data) if data else None
        if tolerant.is_object(value):
            _take(name, value, message, blocks)
    if message:
        message["content"] = [_closed(block) for _, block in sorted(blocks.items())]
    return message


def _take(
    name: str, value: dict[str, Any], message: dict[str, Any], blocks: dict[int, dict[str, Any]]
) -> None:
    index = value.get("index")
    match value.get("type") or name:
        case "message_start" if tolerant.is_object(value.get("message")):
            message.update(value["message"], stop_reason=None)
        case "content_block_start" if isinstance(index, int) and tolerant.is_object(
            value.get("content_block")
        ):
            blocks[index] = {**value["content_block"], _PIECES: {}}
        case "content_block_delta" if isinstance(index, int) and index in blocks:
            _append(blocks[index], value.get("delta"))
        case "message_delta" if tolerant.is_object(value.get("delta")):
            message["stop_reason"] = value["delta"].get("stop_reason") or message.get("stop_reason")
        case _:
            pass


def _append(block: dict[str, Any], delta: object) -> None:
    if not tolerant.is_object(delta):
        return
    kind = delta.get("type")
    field = _APPENDED.get(kind) if isinstance(kind, str) else None
    if field is not None:
        block[_PIECES].setdefault(field, []).append(_text(delta.get(field)))


def _closed(block: dict[str, Any]) -> dict[str, Any]:
    """A block with its deltas put together; input that is no JSON yet keeps the text that came of it."""
    pieces: dict[str, list[str]] = block.pop(_PIECES)
    for field in ("text", "thinking"):
        if field in pieces:
            block[field] = _text(block.get(field)) + "".join(pieces[field])
    if "partial_json" in pieces:
        written = "".join(pieces["partial_json"])
        whole = tolerant.parse(written.encode("utf-8", "replace"))
        block["input"] = written if whole is None else whole
    return block


def _objects(value: object) -> Iterable[dict[str, Any]]:
    return [item for item in value if tolerant.is_object(item)] if tolerant.is_array(value) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
