"""A conversation as lines of a terminal: who said what, which tools were called with what, what it cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rich.text import Text

from tokentape.cli.cassette.view import block, cut, plain
from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.recorder.editing.replies import content_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.proxy.messages.call import Call, Timings
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.recorder.editing.turns import Turn

LONGEST: Final = 600
"""Characters of a text that are shown unless all is asked for."""
_STYLES: Final = {"user": "green", "assistant": "magenta"}
_INDENT: Final = "    "


def lines(turn: Turn, call: Call, bill: Bill, *, full: bool = False) -> Iterator[Text]:
    """A turn: what was asked, what came back, what it cost."""
    most = None if full else LONGEST
    yield _title(turn, call)
    if turn.request is not None and turn.follows is None:
        yield from _frame(turn.request, most)
    for message in turn.messages:
        yield from _message(str(message.get("role", "?")), message, most)
    if turn.reply is not None:
        yield from _message("assistant", turn.reply, most)
    else:
        yield from _body(turn, most)
    yield Text(f"  {_footer(turn, call, bill)}", style="dim")


def _title(turn: Turn, call: Call) -> Text:
    request, response = turn.interaction.request, turn.interaction.response
    parts = urlsplit(request.uri)
    path = plain(f"{parts.path}{f'?{parts.query}' if parts.query else ''}")
    title = Text(f"#{turn.number} ", style="bold cyan").append(f"{request.method} {path}")
    if call.model != "none":
        title.append(f" {plain(call.model)}")
    title.append(f" {response.status}", style="" if response.status < 400 else "bold red")
    if turn.follows is not None:
        title.append(f" goes on with #{turn.follows}", style="dim")
    return title


def _frame(request: dict[str, Any], most: int | None) -> Iterator[Text]:
    """What stands before the messages of a conversation: the system prompt and the tools."""
    if system := request.get("system"):
        yield from _message("system", {"content": system}, most)
    tools = request.get("tools")
    if is_array(tools) and tools:
        names = [plain(str(tool.get("name") or tool.get("type"))) for tool in tools if is_object(tool)]
        yield Text(f"  tools ({len(names):,}): ", style="yellow").append(
            cut(", ".join(names), most), "default"
        )


def _message(role: str, message: dict[str, Any], most: int | None) -> Iterator[Text]:
    for name, text in _said(message):
        label = f"  {plain(f'{role} {name}' if name else role)}: "
        first, *rest = cut(block(text), most).split("\n")
        yield Text(label, style=_STYLES.get(role, "yellow")).append(first, "default")
        yield from (Text(f"{_INDENT}{line}") for line in rest)


def _said(message: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What each block is and says; texts that follow each other, as those with citations do, are one."""
    pending = ""
    for content in content_of(message):
        name, text = _block(content)
        if not name:
            pending += text
            continue
        if pending:
            yield "", pending
        pending = ""
        yield name, text
    if pending:
        yield "", pending


def _block(content: dict[str, Any]) -> tuple[str, str]:
    """What a block is, beside who said it, and what it says."""
    match content:
        case {"type": "text", "text": str(text)}:
            return "", text
        case {"type": "thinking", "thinking": str(text)}:
            return "thinks", text
        case {"type": "tool_result"}:
            failed = " (error)" if content.get("is_error") else ""
            return f"gives the result{failed}", _result(content.get("content"))
        case {"input": given, "name": name}:
            return f"calls {name}", json.dumps(given, ensure_ascii=False)
        case {"type": str(kind), "source": {"type": str(source), "data": str(data)}}:
            return f"gives {kind}", f"({source}, {len(data):,} characters)"
        case _:
            return str(content.get("type", "?")), _as_json(content)


def _result(content: Any) -> str:
    """The content of a tool's result: a text, or blocks."""
    if isinstance(content, str):
        return content
    parts = [_block(one) for one in content_of({"content": content})]
    return "\n".join(f"{name}: {text}" if name else text for name, text in parts)


def _as_json(value: dict[str, Any]) -> str:
    return json.dumps({key: each for key, each in value.items() if key != "type"}, ensure_ascii=False)


def _body(turn: Turn, most: int | None) -> Iterator[Text]:
    """A reply that is no message, as it is."""
    if text := turn.interaction.response.body.decode("utf-8", "replace").strip():
        first, *rest = cut(block(text), most).split("\n")
        yield Text("  reply: ", style="yellow").append(first, "default")
        yield from (Text(f"{_INDENT}{line}") for line in rest)


def _footer(turn: Turn, call: Call, bill: Bill) -> str:
    usage, writes = call.usage, call.cache_writes
    said: list[str] = []
    if usage is not None:
        kinds = {
            "in": usage.input_tokens,
            "read": usage.cache_read_input_tokens,
            "written": writes.tokens_5m + writes.tokens_1h,
            "out": usage.output_tokens,
        }
        said.append(" ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count))
        said.append("no known price" if bill.total is None else f"{bill.total:,.6f} USD")
    if turn.interaction.response.timing is not None:
        said += _times(call.timings)
    said.append(plain((call.stop_reason or "") if call.outcome == "ok" else call.outcome))
    return " · ".join(part for part in said if part) or "no tokens"


def _times(timings: Timings) -> Iterator[str]:
    if timings.first_token_any is not None:
        yield f"{timings.first_token_any:.2f} s to the first token"
    yield f"{timings.duration:.2f} s"
