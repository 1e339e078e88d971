"""Write the catalogue into its page: `python -m tests.support.faults_page docs/faults.md`.

The bytes are those of one recorded stream, struck by each fault's example.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.faults.attempt import read_attempt
from tokentape.recorder.faults.book import Book
from tokentape.recorder.faults.catalogue import DECLARATIONS, SCOPE, Strikes
from tokentape.recorder.faults.chaos import MIX
from tokentape.recorder.faults.message import event_of
from tokentape.recorder.faults.spec import read_fault, scope_of
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import PING, Body
from tokentape.recorder.wire.reply import Client, Reply, to_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentape.recorder.faults.attempt import Attempt
    from tokentape.recorder.faults.catalogue import Declaration, Key
    from tokentape.recorder.wire.answer import Answer

WALL: Final = 1_790_000_000.0
USAGE: Final = {"input_tokens": 21, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
MESSAGE: Final[dict[str, Any]] = {
    "model": "claude-haiku-4-5",
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {**USAGE, "output_tokens": 1},
}


def said(text: str) -> bytes:
    """A delta."""
    delta = {"type": "text_delta", "text": text}
    return event_of({"type": "content_block_delta", "index": 0, "delta": delta})


EVENTS: Final = (
    event_of({"type": "message_start", "message": MESSAGE}),
    event_of({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    PING,
    said("A tape keeps"),
    said(" what was said."),
    event_of({"type": "content_block_stop", "index": 0}),
    event_of(
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None},
            "usage": {**USAGE, "output_tokens": 8},
        }
    ),
    event_of({"type": "message_stop"}),
)
"""The recorded stream."""
QUESTION: Final[list[dict[str, Any]]] = [
    {"role": "user", "content": "Look it up."},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {"word": "tape"}}],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "nothing"}]},
]
_ENDINGS: Final = {
    Ending.CUT: "the connection is closed",
    Ending.RESET: "the connection is reset",
    Ending.HANG: "the connection stays open",
}


def played() -> Reply:
    """The recording as it would be replayed."""
    headers = [("content-type", "text/event-stream; charset=utf-8"), ("request-id", "req_01")]
    return Reply(status=200, headers=headers, body=Body(data=list(EVENTS), due=[]), streamed=True)


def asked() -> Attempt:
    """The request for it."""
    question = {"model": MESSAGE["model"], "max_tokens": 99, "stream": True, "messages": QUESTION}
    body = json.dumps(question).encode()
    return read_attempt("POST", "/v1/messages", body, request_id="req_01", wall=WALL)


def struck(spec: str) -> Reply:
    """The first reply that a fault changes."""
    book = Book([read_fault(spec)], clock=lambda: 0.0)
    replies = (book.answer(asked(), played) for _ in range(100))
    return next(reply for reply in replies if not unchanged(reply))


def unchanged(reply: Reply) -> bool:
    """It is what was recorded, but for headers."""
    recorded = played()
    recorded.headers = reply.headers
    return reply == recorded


def shown(reply: Reply) -> str:
    """A reply's bytes, with its times and its end in angle brackets."""
    answer = to_answer(reply, Client())
    due = answer.due or [0.0] * len(answer.pieces)
    lines: list[str] = []
    before = 0.0
    for piece, time in zip(answer.pieces, due, strict=True):
        if time > before:
            lines.append(f"<{time - before:g} s later>\n")
            before = time
        lines.append(piece.decode().replace("\r\n", "\n"))
    text = "".join(lines).rstrip("\n")
    ending = ended(answer)
    return "\n".join(filter(None, [text, f"<{ending}>" if ending else ""]))


def ended(answer: Answer) -> str:
    """What becomes of the connection; nothing where it is kept."""
    if answer.ending == Ending.HANG and answer.ping_seconds:
        return f"a ping every {answer.ping_seconds:g} s, for ever"
    return _ENDINGS.get(answer.ending, "")


# The page.


def keys_table(keys: Iterable[Key]) -> str:
    """A table of keys."""
    rows = [f"| `{key.name}` | {values(key)} | {key.default} | {key.help} |" for key in keys]
    return "\n".join(["| key | value | default | |", "|---|---|---|---|", *rows]) + "\n"


def values(key: Key) -> str:
    """What a key takes."""
    kinds = {"count": "a whole number", "number": "a whole number", "seconds": "a number", "flag": "0 or 1"}
    return kinds.get(key.kind, "a name" if key.kind == "choice" else "a text")


def section(declared: Declaration) -> str:
    """What the page says of a fault."""
    parts = [f"### {declared.name}\n", f"{declared.help}\n"]
    if declared.keys:
        parts.append(keys_table(declared.keys))
    if len(scope_of(declared)) < len(SCOPE):
        names = ", ".join(f"`{key.name}`" for key in scope_of(declared))
        parts.append(f"Of the common keys it has {names}.\n")
    if declared.strikes == Strikes.CONNECTING:
        parts.append(f"`{declared.example}`: nothing is sent.\n")
    else:
        parts.append(f"`{declared.example}`:\n\n```text\n{shown(struck(declared.example))}\n```\n")
    return "\n".join(parts)


def summary() -> str:
    """A list of all."""
    rows = [
        f"| [`{each.name}`](#{each.name}) | {each.help.partition('. ')[0].rstrip('.')}. |"
        for each in DECLARATIONS
    ]
    return "\n".join(["| fault | |", "|---|---|", *rows]) + "\n"


PARTS: Final[dict[str, Callable[[], str]]] = {
    "summary": summary,
    "common keys": lambda: keys_table(SCOPE),
    "chaos": lambda: f"```text\n{'; '.join(fault.spec for fault in MIX)}\n```\n",
    "recording": lambda: f"```text\n{shown(played())}\n```\n",
    "catalogue": lambda: "\n".join(map(section, DECLARATIONS)),
}


def renewed(page: str) -> str:
    """A page with every part in it as it is now."""
    for name, written in PARTS.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}{written()}{end}{after}"
    return page


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
