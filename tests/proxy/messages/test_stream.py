"""Replies that are streams of events."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.messages.exchanges import (
    MODEL,
    SALT,
    block_start,
    block_stop,
    delta,
    end,
    event,
    message,
    start,
    text_stream,
)

from tokentape.proxy.messages.call import CallError, ToolCall, Usage
from tokentape.proxy.messages.hashing import digest_input
from tokentape.proxy.messages.reply import Reply
from tokentape.proxy.messages.stream import MAX_OPEN_BLOCKS, MAX_TOOL_INPUT, MessageStream
from tokentape.proxy.messages.tolerant import Notes

PING = event("ping")


def stream(*pieces: bytes, complete: bool = True, resumed: bool = False) -> tuple[Reply, MessageStream]:
    """A stream whose pieces come in at seconds 0, 1, 2 and so on."""
    reply = Reply(Notes())
    made = MessageStream(reply, SALT, resumed=resumed)
    for at, piece in enumerate(pieces):
        made.feed(piece, float(at))
    made.finish(float(len(pieces)), complete=complete)
    return reply, made


def facts(reply: Reply, made: MessageStream | None = None) -> dict[str, Any]:
    """All that a reply says; with the stream, its times too."""
    said = {name: getattr(reply, name) for name in Reply.__slots__ if name not in {"usage", "notes"}}
    said |= {"usage": reply.usage.result(), "notes": (reply.notes.unknown, reply.notes.parse_errors)}
    if made is not None:
        times = ("first_event", "first_token", "first_token_any", "last_token", "largest_gap")
        said |= {name: getattr(made, name) for name in times}
    return said


def tool_stream(*parts: str, kind: str = "tool_use", stop: bool = True) -> bytes:
    """A tool use block whose input comes in these parts."""
    deltas = b"".join(delta(0, "input_json_delta", partial_json=part) for part in parts)
    opened = start() + block_start(0, kind, id="toolu_1", name="get", input={}) + deltas
    return opened + (block_stop(0) + end("tool_use") if stop else b"")


def tool_calls(*parts: str, **how: Any) -> list[ToolCall]:
    return stream(tool_stream(*parts, **how))[0].tool_calls


VARIED = (
    start(cache_creation_input_tokens=7, cache_creation={"ephemeral_5m_input_tokens": 7})
    + PING
    + block_start(0, "thinking", thinking="", signature="")
    + delta(0, "thinking_delta", thinking="Hm…")
    + delta(0, "signature_delta", signature="abc")
    + block_stop(0)
    + block_start(1, "text", text="")
    + delta(1, "text_delta", text="Grüße ")
    + delta(1, "text_delta", text="\n\n🎉")
    + delta(1, "citations_delta", citation={"type": "char_location"})
    + block_stop(1)
    + block_start(2, "tool_use", id="toolu_1", name="get", input={})
    + delta(2, "input_json_delta", partial_json="")
    + delta(2, "input_json_delta", partial_json='{"b":[1,2],')
    + delta(2, "input_json_delta", partial_json='"a":"é"}')
    + block_stop(2)
    + end("tool_use", output_tokens_details={"thinking_tokens": 2}, input_tokens=11)
)


def test_a_stream_is_understood() -> None:
    reply, _ = stream(VARIED)
    assert facts(reply) == {
        "message_id": "msg_1",
        "model": MODEL,
        "stop_reason": "tool_use",
        "usage": Usage(
            input_tokens=11,
            output_tokens=5,
            thinking_tokens=2,
            cache_creation_input_tokens=7,
            ephemeral_5m_input_tokens=7,
        ),
        "blocks": {"thinking": 1, "text": 1, "tool_use": 1},
        "characters": {"thinking": 3, "text": 9, "tool_use": 19},
        "tool_calls": [
            ToolCall(
                name="get",
                id="toolu_1",
                block_type="tool_use",
                input_digest=digest_input(SALT, {"a": "é", "b": [1, 2]}),
                input_characters=19,
            )
        ],
        "cache_miss_reason": None,
        "complete": True,
        "cut_off": False,
        "error": None,
        "request_id": None,
        "batch_id": None,
        "batch_size": None,
        "notes": ([], []),
    }


@given(st.lists(st.integers(1, 400)), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_chunks_and_line_ends_do_not_matter(sizes: list[int], line_end: bytes, mark: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    wire = (b"\xef\xbb\xbf" if mark else b"") + VARIED.replace(b"\n", line_end)
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(wire[:size])
        wire = wire[size:]
    assert facts(stream(*pieces, wire)[0]) == facts(stream(VARIED)[0])


def test_one_byte_at_a_time_is_the_same() -> None:
    pieces = [VARIED[i : i + 1] for i in range(len(VARIED))]
    assert facts(stream(*pieces)[0]) == facts(stream(VARIED)[0])


def test_deltas_may_be_written_in_any_way_that_means_the_same() -> None:
    data = b'{"delta":{"text":"hello","type":"text_delta"},"index":0,"type":"content_block_delta"}'
    written = [
        b"event: content_block_delta\ndata: " + data,
        b"event:content_block_delta\ndata:" + data,
        b"data: " + data + b"\nevent: content_block_delta",
        b"event: content_block_delta\nid: 7\ndata: " + data + b"\n: comment",
        b"event: content_block_delta\ndata: " + data.replace(b",", b",\ndata: "),
        b"event: content_block_delta\ndata: " + data + b"\nid: 7",
        b"data: " + data,
        b"event: completion\ndata: " + data,
    ]
    for block in written:
        reply, made = stream(block + b"\n\n")
        assert (reply.characters, made.first_token) == ({"text": 5}, {"text": 0.0})
        assert (reply.notes.unknown, reply.notes.parse_errors) == ([], [])


class TestUsage:
    def test_a_stream_that_dies_early_has_no_known_output(self) -> None:
        reply, _ = stream(start(cache_read_input_tokens=3, service_tier="standard"), complete=False)
        assert reply.usage.result() == Usage(
            input_tokens=10, cache_read_input_tokens=3, service_tier="standard"
        )
        assert (reply.stop_reason, reply.complete) == (None, False)

    def test_the_stop_reason_of_message_start_is_a_placeholder(self) -> None:
        begun = event("message_start", message=message(content=[], stop_reason="end_turn"))
        assert stream(begun)[0].stop_reason is None

    def test_the_last_of_several_message_deltas_counts(self) -> None:
        first = event("message_delta", delta={"stop_reason": "pause_turn"}, usage={"output_tokens": 3})
        later = event("message_delta", delta={"stop_reason": None}, usage={"output_tokens": 9})
        reply, _ = stream(start() + first + later)
        assert reply.usage.result() == Usage(input_tokens=10, output_tokens=9)
        assert reply.stop_reason == "pause_turn"

    def test_what_message_start_says_of_the_cache_is_kept(self) -> None:
        diagnosed = message(content=[], diagnostics={"cache_miss_reason": {"type": "system_changed"}})
        reply, _ = stream(event("message_start", message=diagnosed) + end())
        assert reply.cache_miss_reason == "system_changed"

    def test_an_event_without_its_empty_line_counts_only_where_the_stream_was_not_cut(self) -> None:
        wire = (start() + end()).removesuffix(b"\n\n")
        assert stream(wire, complete=True)[0].complete
        assert not stream(wire, complete=False)[0].complete
        assert stream(wire[:-5], complete=True)[0].notes.parse_errors == []


class TestToolInput:
    def test_its_digest_is_that_of_the_same_input_in_a_unary_reply(self) -> None:
        [call] = tool_calls('{"x"', ': {"b": 1.5, ', '"a": null}}')
        assert call.input_digest == digest_input(SALT, {"x": {"a": None, "b": 1.5}})
        assert call.input_characters == 28

    def test_without_deltas_it_is_what_the_block_began_with(self) -> None:
        assert tool_calls()[0].input_digest == digest_input(SALT, {})
        assert tool_calls("", "")[0].input_digest == digest_input(SALT, {})

    @pytest.mark.parametrize("kind", ["server_tool_use", "mcp_tool_use"])
    def test_tools_of_the_server_are_tool_calls_too(self, kind: str) -> None:
        [call] = tool_calls('{"query":"x"}', kind=kind)
        assert (call.block_type, call.input_digest) == (kind, digest_input(SALT, {"query": "x"}))

    def test_input_that_was_cut_off_or_is_no_json_has_no_digest(self) -> None:
        [cut] = tool_calls('{"a":', stop=False)
        assert (cut.input_digest, cut.input_characters) == (None, 5)
        assert tool_calls('{"a":')[0].input_digest is None

    def test_input_that_is_too_long_has_no_digest_and_the_next_one_has(self) -> None:
        part = "x" * 1000
        parts = ['{"a":"', *[part] * (MAX_TOOL_INPUT // 1000 + 1), '"}']
        again = block_start(1, "tool_use", id="t2", name="get", input={})
        again += delta(1, "input_json_delta", partial_json='{"a":1}') + block_stop(1)
        long, short = stream(tool_stream(*parts), again)[0].tool_calls
        assert (long.input_digest, long.input_characters) == (None, sum(map(len, parts)))
        assert short.input_digest == digest_input(SALT, {"a": 1})

    def test_blocks_that_come_at_the_same_time_are_kept_apart(self) -> None:
        opened = [block_start(n, "tool_use", id=f"t{n}", name="get", input={}) for n in range(2)]
        parts = [delta(n, "input_json_delta", partial_json=part) for part in ('{"n":', "1}") for n in (0, 1)]
        reply, _ = stream(start(), *opened, *parts, block_stop(1), block_stop(0), end())
        assert [(call.id, call.input_digest) for call in reply.tool_calls] == [
            ("t1", digest_input(SALT, {"n": 1})),
            ("t0", digest_input(SALT, {"n": 1})),
        ]

    def test_a_block_that_begins_again_gives_up_what_it_held(self) -> None:
        half = block_start(0, "tool_use", id="t", name="get", input={})
        half += delta(0, "input_json_delta", partial_json="x" * (MAX_TOOL_INPUT - 10))
        reply, _ = stream(start(), half, half, tool_stream('{"a":1}'))
        assert [call.input_digest for call in reply.tool_calls] == [None, None, digest_input(SALT, {"a": 1})]

    def test_open_blocks_are_bounded(self) -> None:
        opened = [block_start(n, "tool_use", id="t", name="get", input={}) for n in range(500)]
        reply, _ = stream(*opened)
        assert (reply.blocks, len(reply.tool_calls)) == ({"tool_use": 500}, MAX_OPEN_BLOCKS)


class TestTimes:
    def test_first_tokens_are_stamped_by_kind_and_never_before_a_delta(self) -> None:
        pieces = [VARIED[:40], VARIED[40:], b""]
        _, made = stream(*pieces)
        assert made.first_event == 1.0

        _, made = stream(
            start(),
            PING,
            block_start(0, "thinking", thinking=""),
            delta(0, "thinking_delta", thinking="a"),
            delta(0, "thinking_delta", thinking="b"),
            delta(0, "signature_delta", signature="s"),
            block_start(1, "text", text=""),
            delta(1, "text_delta", text="a"),
            tool_stream("{}"),
        )
        assert made.first_event == 0.0
        assert made.first_token == {"thinking": 3.0, "text": 7.0, "tool_use": 8.0}
        assert (made.first_token_any, made.last_token) == (3.0, 8.0)

    def test_any_delta_is_a_first_token(self) -> None:
        _, made = stream(start(), delta(0, "citations_delta", citation={}), delta(0, "hologram_delta"))
        assert (made.first_token_any, made.last_token, made.first_token) == (1.0, 2.0, {})

    def test_the_largest_gap_is_between_neighbouring_events(self) -> None:
        reply = Reply(Notes())
        made = MessageStream(reply, SALT)
        for piece, at in ((start(), 1.0), (PING[:5], 3.0), (PING[5:], 4.5), (PING * 3, 5.0), (end(), 6.0)):
            made.feed(piece, at)
        assert made.largest_gap == 3.5

    def test_one_event_has_no_gap(self) -> None:
        assert stream(start())[1].largest_gap is None


class TestErrors:
    def test_an_error_event_is_an_error_with_its_type_and_code(self) -> None:
        said = {"type": "overloaded_error", "message": "x", "details": {"error_code": "too_busy"}}
        reply, _ = stream(start(), event("error", error=said, request_id="req_9"))
        assert reply.error == CallError(type="overloaded_error", code="too_busy")
        assert (reply.request_id, reply.complete) == ("req_9", False)

    def test_the_first_error_counts(self) -> None:
        errors = [event("error", error={"type": kind}) for kind in ("api_error", "overloaded_error")]
        assert stream(*errors)[0].error == CallError(type="api_error")

    def test_an_error_that_is_no_json_is_an_error_all_the_same(self) -> None:
        assert stream(b"event: error\ndata: oh no\n\n")[0].error == CallError(type="api_error")

    def test_events_that_cannot_be_read_are_noted_and_the_rest_is_read(self) -> None:
        bad = [
            b"event: content_block_delta\ndata: {broken\n\n",
            b"event: message_start\ndata: [1]\n\n",
            event("message_start", message=5),
            event("content_block_start", index="0", content_block={}),
            event("content_block_start", index=0, content_block=5),
            event("content_block_stop", index=None),
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": 5}),
        ]
        reply, _ = stream(*bad, text_stream("hello"))
        assert (reply.characters, reply.complete) == ({"text": 5}, True)
        assert reply.notes.parse_errors == ["event_json", "event_shape"]

    def test_what_is_not_known_is_noted(self) -> None:
        reply, _ = stream(
            event("hologram_start"),
            delta(0, "hologram_delta"),
            event("content_block_delta", index=0),
            block_start(0, "hologram"),
            event("No name!"),
            b": only a comment\n\n",
            b"event: nothing\n\n",
        )
        assert reply.notes.unknown == [
            "event:hologram_start",
            "delta:hologram_delta",
            "delta:other",
            "block:hologram",
            "event:other",
        ]
        assert reply.notes.parse_errors == []


class TestResumed:
    def test_a_stream_joined_in_the_middle_of_an_event_is_no_error(self) -> None:
        for cut in range(1, len(start()) + 1):
            reply, made = stream(text_stream("hello")[cut:], resumed=True)
            assert reply.notes.parse_errors == []
            assert reply.usage.result() == Usage(output_tokens=5) or not made.partial
            assert (reply.stop_reason, reply.complete) == ("end_turn", True)

    def test_a_stream_seen_from_its_beginning_is_whole(self) -> None:
        assert stream(text_stream("hello"), resumed=True)[1].partial is False
        assert stream(text_stream("hello"))[1].partial is False


PIECES = st.sampled_from([VARIED[:200], VARIED[200:], b"event: error\n", b"data: {}\n\n"])


@given(st.lists(st.one_of(st.binary(), PIECES)))
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    stream(*pieces)


KINDS = ("message_start", "message_delta", "content_block_start", "content_block_delta", "content_block_stop")
FIELDS = ("message", "delta", "usage", "index", "content_block", "error")
INNER = ("type", "id", "name", "input", "text", "usage", "delta")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(INNER), each, max_size=4),
    max_leaves=12,
)
SHAPES = st.tuples(st.sampled_from([*KINDS, "error"]), st.dictionaries(st.sampled_from(FIELDS), JSON))


@given(st.lists(SHAPES))
def test_no_shape_raises(shapes: list[tuple[str, dict[str, Any]]]) -> None:
    stream(*(event(kind, **fields) for kind, fields in shapes))


@pytest.mark.parametrize(
    "delta_event",
    [
        delta(0, "text_delta", text="some words "),
        delta(0, "thinking_delta", thinking="some words "),
        delta(0, "input_json_delta", partial_json="some words "),
        event("hologram"),
        PING,
    ],
    ids=["text", "thinking", "tool input", "unknown", "ping"],
)
def test_a_stream_of_a_hundred_thousand_events_costs_little(delta_event: bytes) -> None:
    chunk = delta_event * 100
    opening = start() + block_start(0, "tool_use", id="t", name="get", input={})
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = MessageStream(Reply(Notes()), SALT)
        made.feed(opening, 0.0)
        for n in range(1000):
            made.feed(chunk + delta_event[:20], float(n))
            made.feed(delta_event[20:], float(n))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 64 * 1024
    assert made.last_event == 999.0
