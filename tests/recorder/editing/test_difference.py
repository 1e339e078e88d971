from __future__ import annotations

import json

import msgspec
from tests.proxy.messages.exchanges import block_start, delta, dump, end, event, message, start
from tests.recorder.editing.samples import answered, asked, conversation, first_turn, second_turn, streamed

from tokentape.recorder.cassette.interaction import Cassette, Ending, Interaction, Response
from tokentape.recorder.editing.difference import Difference, differences

HELLO = asked({"role": "user", "content": "Hello"})


def between(old: list[Interaction], new: list[Interaction]) -> list[Difference]:
    return list(differences(Cassette(interactions=tuple(old)), Cassette(interactions=tuple(new))))


def replies(old: Response, new: Response) -> list[Difference]:
    return between([Interaction(request=HELLO, response=old)], [Interaction(request=HELLO, response=new)])


def test_a_cassette_does_not_differ_from_itself() -> None:
    assert between([*conversation()], [*conversation()]) == []


def test_ids_padding_pings_signatures_headers_and_times_are_no_difference() -> None:
    first, second = conversation()
    text = first.response.body.decode()
    again = text.replace("toolu_01A2345678901234567890", "toolu_01ZZZZZ78901234567890")
    again = again.replace('"c2ln"', '"b3RoZXI="').replace('{"type"', '{  "type"')
    again = again.replace(
        "event: content_block_stop", 'event: ping\ndata: {"type": "ping"}\n\nevent: content_block_stop'
    )
    asked_again = second.request.body.replace(b"toolu_01A2345678901234567890", b"toolu_01ZZZZZ78901234567890")
    new = [
        msgspec.structs.replace(
            first,
            recorded_at=None,
            response=Response(status=200, headers=first.response.headers[:1], body=again.encode()),
        ),
        msgspec.structs.replace(
            second,
            request=msgspec.structs.replace(second.request, body=asked_again, headers=()),
            response=msgspec.structs.replace(second.response, headers=(("request-id", "req_2"),)),
        ),
    ]
    assert between([first, second], new) == []


def test_an_id_in_another_place_is_a_difference() -> None:
    ids = ["toolu_01A2345678901234567890", "toolu_01B2345678901234567890"]
    old = answered(dump({"calls": ids, "result_of": ids[0]}))
    new = answered(dump({"calls": ids, "result_of": ids[1]}))
    assert replies(old, new) == [
        Difference(old=0, new=0, path="response.body.result_of", before='"toolu_1"', after='"toolu_2"')
    ]


def test_a_changed_event_is_named_with_its_path() -> None:
    head, tail = [start(), block_start(0, "text", text="")], [end()]
    old = streamed(*head, delta(0, "text_delta", text="Hello"), *tail)
    new = streamed(*head, delta(0, "text_delta", text="Hallo"), delta(0, "text_delta", text="!"), *tail)
    extra = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "!"}}
    assert replies(old, new) == [
        Difference(old=0, new=0, path="response.events[2].delta.text", before='"Hello"', after='"Hallo"'),
        Difference(
            old=0,
            new=0,
            path="response.events[3]",
            after=json.dumps(extra, sort_keys=True, separators=(",", ":")),
        ),
    ]


def test_what_differs_in_a_long_text_is_shown_with_what_is_around_it() -> None:
    old, new = "a" * 500 + "old" + "b" * 500, "a" * 500 + "new" + "b" * 500
    (found,) = replies(answered(dump({"text": old})), answered(dump({"text": new})))
    assert found.path == "response.body.text"
    assert found.before == "…" + "a" * 60 + "old" + "b" * 57 + "…"
    assert found.after == "…" + "a" * 60 + "new" + "b" * 57 + "…"


def test_status_ending_and_kind_of_reply_count() -> None:
    whole = answered(dump(message()))
    failed = msgspec.structs.replace(whole, status=529, ending=Ending.UPSTREAM_ABORT)
    assert [(one.path, one.before, one.after) for one in replies(whole, failed)] == [
        ("response.status", "200", "529"),
        ("response.ending", '"complete"', '"upstream_abort"'),
    ]
    paths = [one.path for one in replies(whole, streamed(event("message_stop")))]
    assert paths == ["response.body", "response.events"]


def test_true_is_not_one_and_nothing_is_not_null() -> None:
    found = replies(answered(dump({"a": True, "b": None})), answered(dump({"a": 1})))
    assert [(one.path, one.before, one.after) for one in found] == [
        ("response.body.a", "true", "1"),
        ("response.body.b", "null", None),
    ]


def test_interactions_that_only_one_has_are_named() -> None:
    first, second = first_turn(), second_turn()
    (gone,) = between([first, second], [second])
    assert (gone.old, gone.new, gone.path) == (0, None, "")
    (come,) = between([first], [first, second])
    assert (come.old, come.new, come.path) == (None, 1, "")


def test_a_changed_request_is_compared_with_the_one_in_its_place() -> None:
    other = asked({"role": "user", "content": "Hullo"})
    reply = answered(dump(message()))
    found = between(
        [Interaction(request=HELLO, response=reply), second_turn()],
        [Interaction(request=other, response=reply), second_turn("Rainy in Rome.")],
    )
    assert [(one.old, one.path) for one in found] == [
        (0, "request.body.messages[0].content"),
        (1, "response.body.content[0].text"),
    ]


def test_lines_and_texts_are_compared_as_what_they_are() -> None:
    old = answered(b'{"a": 1}\n{"a": 2}\n')
    assert [one.path for one in replies(old, answered(b'{"a":1}\n{"a":3}\n'))] == ["response.body[1].a"]
    assert [one.path for one in replies(answered(b"<p>one"), answered(b"<p>two"))] == ["response.body"]
