"""The desk: which answer a request gets, and what is remembered of it."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.recorder.replay.plain import MESSAGES, STREAM, desk, interaction, message, question

from tokentape.recorder.replay.asking import Asked
from tokentape.recorder.replay.report import missed, summary

if TYPE_CHECKING:
    from tokentape.recorder.replay.desk import Desk

CALL = question("hello")
MODELS = "https://api.anthropic.com/v1/models"


def asked(body: Any = None, target: bytes = b"/v1/messages", **more: Any) -> Asked:
    content = b"" if body is None else json.dumps(body).encode()
    method = more.pop("method", b"GET" if body is None else b"POST")
    return Asked(method=method, target=target, body=content, **more)


def answered(desk: Desk, request: Asked) -> tuple[int, bytes, bytes]:
    """Status, head and body of an answer that is no stream."""
    pieces = b"".join(desk.answer(request).pieces)
    head, _, body = pieces.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head, body


def error(desk: Desk, request: Asked) -> tuple[int, str, str, str]:
    """Status, code, type and message of a refusal, which nobody may try again."""
    status, head, body = answered(desk, request)
    assert b"\r\nx-should-retry: false\r\n" in head
    code = head.partition(b"x-tokentape-error: ")[2].partition(b"\r\n")[0].decode()
    told = json.loads(body)
    assert told["type"] == "error"
    return status, code, told["error"]["type"], told["error"]["message"]


def report(desk: Desk, target: bytes = b"/.tokentape/replay") -> list[dict[str, Any]]:
    status, _, body = answered(desk, asked(target=target))
    assert status == 200
    sessions: list[dict[str, Any]] = json.loads(body)["sessions"]
    return sessions


def test_a_request_gets_its_recorded_reply() -> None:
    status, head, body = answered(desk(a=[interaction(CALL, message("hi"))]), asked(CALL))

    assert (status, body) == (200, message("hi"))
    assert b"\r\nrequest-id: req_1\r\n" in head


def test_repeated_requests_get_their_replies_in_order_and_then_a_miss() -> None:
    server = desk(a=[interaction(CALL, message("one")), interaction(CALL, message("two"))])

    assert answered(server, asked(CALL))[2] == message("one")
    assert answered(server, asked(CALL))[2] == message("two")
    assert error(server, asked(CALL))[:3] == (422, "miss", "invalid_request_error")


def test_a_miss_ends_with_the_command_that_records_and_is_logged_in_one_line() -> None:
    lines: list[str] = []
    server = desk(a=[interaction(CALL, message("hi"))], log=lines.append)

    text = error(server, asked(question("bye")))[3]

    assert text.splitlines()[-1] == "To record it: tokentape record a"
    assert lines == [f"miss: {text.splitlines()[0]}"]
    [told] = report(server)
    assert told["notes"] == [{"verdict": "miss", "request": "POST /v1/messages", "text": text}]


def test_a_drift_is_served_and_told_where_the_shelf_is_lenient() -> None:
    lines: list[str] = []
    recorded = interaction(question("hello, how are you today?"), message("fine"))
    server = desk(a=[recorded], mode="lenient", log=lines.append)

    drifted = asked(question("hello, how are you now?"), b"/@session=7/v1/messages")
    assert answered(server, drifted)[2] == message("fine")

    change = (
        'POST /v1/messages: $.messages[0].content: recorded "hello, how are you today?", '
        'sent "hello, how are you now?"'
    )
    assert lines == [f"drifted in session 7: {change}"]
    assert report(server)[0]["notes"] == [
        {"verdict": "drifted", "request": "POST /v1/messages", "text": change}
    ]


def test_each_session_has_a_state_of_its_own() -> None:
    server = desk(a=[interaction(CALL, message("one")), interaction(CALL, message("two"))])

    for session in (b"1", b"2"):
        for text in ("one", "two"):
            request = asked(CALL, b"/@session=" + session + b"/v1/messages")
            assert answered(server, request)[2] == message(text)

    assert [(each["session"], each["exact"], each["unplayed"]) for each in report(server)] == [
        ("1", 2, []),
        ("2", 2, []),
    ]


def test_a_header_chooses_as_the_path_does() -> None:
    server = desk(a=[interaction(CALL, message("a"))], b=[interaction(CALL, message("b"))])

    chosen = asked(CALL, headers=((b"X-Tokentape-Labels", b"cassette=b"),))

    assert answered(server, chosen)[2] == message("b")
    assert answered(server, asked(CALL, b"/@cassette=a/v1/messages"))[2] == message("a")


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (b"/v1/messages", "Say which cassette: set base_url to .../@cassette=NAME. NAME is one of: a, b."),
        (b"/@cassette=c/v1/messages", "There is no cassette c. NAME is one of: a, b."),
        (b"/@cassette=c/.tokentape/replay", "There is no cassette c. NAME is one of: a, b."),
    ],
)
def test_without_a_cassette_the_client_is_told_which_there_are(target: bytes, text: str) -> None:
    lines: list[str] = []
    server = desk(a=[interaction(CALL, message("a"))], b=[], log=lines.append)

    assert error(server, asked(CALL, target)) == (404, "no_session", "not_found_error", text)
    calls = 0 if b".tokentape" in target else 1
    assert (server.shelf.totals.astray, lines) == (calls, [text] * calls)
    assert missed(server.shelf) == bool(calls)


def test_requests_are_matched_by_method_path_and_query() -> None:
    server = desk(
        a=[
            interaction(None, b'{"page":1}', method="GET", uri=MODELS),
            interaction(None, b'{"page":2}', method="GET", uri=f"{MODELS}?after_id=x"),
        ]
    )

    assert answered(server, asked(target=b"/v1/models?after_id=x"))[2] == b'{"page":2}'
    assert answered(server, asked(target=b"/v1/models"))[2] == b'{"page":1}'
    assert error(server, asked(target=b"/v1/models?after_id=y"))[1] == "miss"


def test_a_compressed_request_is_read() -> None:
    server = desk(a=[interaction(CALL, message("hi"))])
    body = gzip.compress(json.dumps(CALL).encode())
    packed = asked(CALL, headers=((b"Content-Encoding", b"gzip"),))

    request = Asked(method=b"POST", target=packed.target, headers=packed.headers, body=body)
    assert answered(server, request)[2] == message("hi")
    broken = Asked(method=b"POST", target=packed.target, headers=packed.headers, body=b"no gzip")
    assert error(server, broken)[:2] == (400, "request")
    assert summary(server.shelf)[-1] == "1 request could not be looked up in any cassette"


def test_what_no_cassette_holds_is_refused_and_is_no_miss() -> None:
    lines: list[str] = []
    server = desk(a=[interaction(CALL, message("hi"))], log=lines.append)

    probe = Asked(method=b"HEAD", target=b"/")
    assert answered(server, probe)[0] == 404
    assert error(server, asked(target=b"/api/hello"))[1] == "other"
    [told] = report(server)
    assert (told["misses"], told["other"], told["notes"]) == (0, 2, [])
    assert lines == [
        "other: HEAD /: no cassette holds this endpoint",
        "other: GET /api/hello: no cassette holds this endpoint",
    ]


def test_a_probe_that_was_recorded_is_answered() -> None:
    server = desk(a=[interaction(None, b"", method="HEAD", uri="https://api.anthropic.com/", status=405)])

    assert answered(server, Asked(method=b"HEAD", target=b"/"))[0] == 405


def test_a_session_begins_again_when_it_is_reset() -> None:
    server = desk(a=[interaction(CALL, message("hi"))])
    again = asked({}, b"/@session=1/.tokentape/replay/reset")

    for _ in range(3):
        assert answered(server, asked(CALL, b"/@session=1/v1/messages"))[2] == message("hi")
        status, _, before = answered(server, again)
        assert (status, json.loads(before)["sessions"][0]["exact"]) == (200, 1)

    assert report(server)[0]["exact"] == 0
    assert report(server)[0]["unplayed"] == ["POST /v1/messages"]


def test_labels_choose_which_sessions_are_reset_and_ended() -> None:
    server = desk(a=[interaction(CALL, message("a"))], b=[interaction(CALL, message("b"))])
    for cassette in (b"a", b"b"):
        for session in (b"1", b"2"):
            target = b"/@cassette=" + cassette + b",session=" + session + b"/v1/messages"
            answered(server, asked(CALL, target))

    def played() -> list[tuple[str, str, int]]:
        return [(each["cassette"], each["session"], each["exact"]) for each in report(server)]

    answered(server, asked({}, b"/@session=1/.tokentape/replay/reset"))
    assert played() == [("a", "1", 0), ("a", "2", 1), ("b", "1", 0), ("b", "2", 1)]
    answered(server, asked({}, b"/@cassette=b/.tokentape/replay/reset"))
    assert played() == [("a", "1", 0), ("a", "2", 1), ("b", "1", 0), ("b", "2", 0)]
    answered(server, asked(target=b"/@cassette=a/.tokentape/replay", method=b"DELETE"))
    assert played() == [("b", "1", 0), ("b", "2", 0)]
    assert len(report(server, b"/@cassette=b,session=2/.tokentape/replay")) == 1


def test_the_health_check_and_what_is_not_there() -> None:
    server = desk(a=[], b=[])

    assert answered(server, asked(target=b"/.tokentape/healthz"))[2] == b'{"status":"ok"}'
    assert answered(server, asked(target=b"/.tokentape/healthz", method=b"HEAD"))[::2] == (200, b"")
    status, _, _, text = error(server, asked(target=b"/.tokentape/nothing"))
    assert (status, text.startswith("Use GET /.tokentape/replay, ")) == (404, True)


def test_the_own_api_is_read_behind_labels_only_where_the_path_begins() -> None:
    server = desk(a=[interaction(None, b"x", method="GET", uri="https://api.anthropic.com/v1/models")])

    assert answered(server, asked(target=b"/@session=9/.tokentape/healthz"))[0] == 200
    assert report(server) == []


def test_a_stream_goes_on_the_wire_in_chunks() -> None:
    events = b"event: a\ndata: {}\n\nevent: b\ndata: {}\n\n"
    server = desk(a=[interaction(question("hi", stream=True), events, headers=STREAM)])
    answer = server.answer(asked(question("hi", stream=True)))

    assert answer.pieces[1:] == [
        b"13\r\nevent: a\ndata: {}\n\n\r\n",
        b"13\r\nevent: b\ndata: {}\n\n\r\n0\r\n\r\n",
    ]


def test_recordings_by_others_are_scrubbed_before_they_are_looked_up() -> None:
    """What is sent is scrubbed, too, so a secret in both is found, and is in no report."""
    secret = "sk-ant-api03-" + "A1b2C3d4" * 12
    body = question(f"my key is {secret}")
    server = desk(a=[interaction(body, message("hi")), interaction(body, message("again"), uri=MESSAGES)])

    assert answered(server, asked(body))[2] == message("hi")
    missed = question(f"the key is {secret}")
    assert secret not in error(server, asked(missed))[3]
    assert secret not in json.dumps(report(server))
