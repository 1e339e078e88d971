"""No prompt, no answer, no key is in any file of a ledger: planted ones are searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.proxy.ledger.cases import BILL, rows_in, until, writing
from tests.proxy.messages import exchanges
from tests.proxy.messages.exchanges import SALT, STARTED, WALL

from tokentape.proxy.frames import Anchor, Ending
from tokentape.proxy.messages.attempts import AttemptTracker
from tokentape.proxy.messages.reader import CallReader

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.messages.call import Call

KEY = b"sk-ant-api03-PLANTEDKEY0123456789abcdefghijklmnop"
PLANTED = {
    "prompt": "PLANTED-PROMPT-please",
    "system": "PLANTED-SYSTEM-be brief",
    "answer": "PLANTED-ANSWER-surely",
    "tool input": "PLANTED-INPUT-42",
    "tool description": "PLANTED-TOOL-DESCRIPTION",
    "user": "PLANTED-USER-id",
    "error message": "PLANTED-MESSAGE-of an error",
}


def planted_call(*, stream: bool, failed: bool) -> Call:
    """One exchange as the dialect reads it, with something planted wherever text can be."""
    body = exchanges.request_body(
        stream=stream,
        system=PLANTED["system"],
        metadata={"user_id": PLANTED["user"]},
        tools=[{"name": "search", "description": PLANTED["tool description"], "input_schema": {}}],
        messages=[{"role": "user", "content": PLANTED["prompt"]}],
    )
    reader = CallReader(
        id="relay-0-1-1",
        engine="relay",
        salt=SALT,
        method="POST",
        target="/v1/messages?secret=" + KEY.decode(),
        headers=[
            (b"authorization", b"Bearer " + KEY),
            (b"x-api-key", KEY),
            (b"cookie", KEY),
            (b"content-type", b"application/json"),
        ],
        labels="project=checkout",
        started=STARTED,
        anchor=Anchor(wall=WALL, monotonic=STARTED),
        resumed=False,
        attempts=AttemptTracker(),
    )
    reader.request_body(body)
    reader.request_end()
    kind = exchanges.EVENT_STREAM if stream else exchanges.JSON
    reader.response_head(400 if failed else 200, [kind, (b"set-cookie", KEY)], STARTED + 1)
    reader.response_body(_reply(stream=stream, failed=failed), STARTED + 2)
    return reader.close(Ending.COMPLETE, "", 0, STARTED + 3)


def _reply(*, stream: bool, failed: bool) -> bytes:
    if failed:
        error = {"type": "invalid_request_error", "message": PLANTED["error message"]}
        return exchanges.dump({"type": "error", "error": error})
    if stream:
        return b"".join(
            [
                exchanges.start(),
                exchanges.block_start(0, "text", text=""),
                exchanges.delta(0, "text_delta", text=PLANTED["answer"]),
                exchanges.block_stop(0),
                exchanges.end(),
            ]
        )
    tool = {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"q": PLANTED["tool input"]}}
    return exchanges.dump(exchanges.message(content=[{"type": "text", "text": PLANTED["answer"]}, tool]))


def test_nothing_that_was_planted_is_in_any_file(sqlite: Location) -> None:
    assert sqlite.path is not None
    with writing(sqlite) as sink:
        for stream, failed in ((False, False), (True, False), (False, True)):
            sink.closed(planted_call(stream=stream, failed=failed), BILL)
        until("they are written", lambda: sink.waiting == 0)
        files = {path.name: path.read_bytes() for path in sqlite.path.parent.iterdir()}
    files["after"] = sqlite.path.read_bytes()
    assert {"ledger.sqlite3", "ledger.sqlite3-wal", "after"} <= set(files)
    assert rows_in(sqlite.path) == 3
    assert b"checkout" in files["after"], "the search would find what is there"
    found = [
        (name, what)
        for name, content in files.items()
        for what, text in {
            **PLANTED,
            "key": KEY.decode(),
            "part of it": "PLANTEDKEY",
            "any": "PLANTED",
        }.items()
        if text.encode() in content or text.encode("utf-16-le") in content
    ]
    assert found == []
