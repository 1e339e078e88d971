from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.messages.exchanges import block_start, delta, dump, event, message, start
from tests.recorder.editing.samples import CALL, answered, first_turn, streamed

from tokentape.recorder.editing.replies import content_of, events_of, is_stream, message_of


def test_a_stream_amounts_to_its_message() -> None:
    found = message_of(first_turn().response)
    assert found is not None
    assert found["content"] == [{"type": "thinking", "thinking": "Rome, then.", "signature": "c2ln"}, CALL]
    assert (found["role"], found["stop_reason"]) == ("assistant", "tool_use")


def test_a_stream_that_broke_off_amounts_to_what_came() -> None:
    response = streamed(
        start(),
        block_start(0, "tool_use", id="toolu_1", name="weather", input={}),
        delta(0, "input_json_delta", partial_json='{"city": "Ro'),
    )
    found = message_of(response)
    assert found is not None
    assert found["content"] == [
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": '{"city": "Ro'}
    ]


def test_a_plain_reply_is_its_message_and_an_error_is_none() -> None:
    whole = message()
    assert message_of(answered(dump(whole))) == whole
    assert message_of(answered(dump({"type": "error", "error": {}}), status=400)) is None
    assert message_of(answered(b"<html>", status=502)) is None
    assert message_of(streamed(event("error", error={}))) is None


def test_a_stream_is_known_by_its_type_or_its_bytes() -> None:
    assert is_stream(streamed(start()))
    assert is_stream(answered(b"\nevent: x\n\n", kind="**REDACTED**"))
    assert not is_stream(answered(b"{}"))


def test_data_that_is_no_json_is_its_text() -> None:
    assert events_of(
        streamed(b"data: {}\n\n", b"data: [DONE]\n\n", b"data:  {broken\n\n", b": ping\n\n")
    ) == [
        {},
        "[DONE]",
        " {broken",
    ]


def test_a_text_is_a_block() -> None:
    assert content_of({"content": "Hi"}) == [{"type": "text", "text": "Hi"}]
    assert content_of({"content": [{"type": "image"}, 7]}) == [{"type": "image"}]
    assert content_of({}) == []


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "index", "delta", "content_block", "message", "text", "content"]), inner
        )
    ),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"]
)


@given(st.lists(st.tuples(KINDS, st.dictionaries(st.sampled_from(["index", "delta", "message"]), JSON))))
def test_any_events_are_read_without_an_error(events: list[tuple[str, dict[str, Any]]]) -> None:
    message_of(streamed(start(), *(event(kind, **fields) for kind, fields in events)))
