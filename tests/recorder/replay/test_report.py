"""Reports: what became of the sessions, in values and in lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.recorder.replay.plain import desk, interaction, message, question
from tests.recorder.replay.test_desk import asked

from tokentape.recorder.replay.report import missed, named, summary

if TYPE_CHECKING:
    from tokentape.recorder.replay.desk import Desk

CALL = question("hello")


def server(*texts: str) -> Desk:
    """One cassette with these questions, and one that nobody wants."""
    return desk(a=[interaction(question(text), message(text)) for text in texts], b=[])


def ask(desk: Desk, text: str, session: str = "") -> None:
    desk.answer(asked(question(text), f"/@cassette=a,session={session}/v1/messages".encode()))


def test_a_summary_has_a_line_a_session_and_what_is_worth_telling() -> None:
    desk = server("one", "two")
    for text in ("one", "two"):
        ask(desk, text)
    ask(desk, "one", "7")

    assert summary(desk.shelf) == [
        "a: 2 hits, 0 misses, 0 unplayed",
        "a, session 7: 1 hit, 0 misses, 1 unplayed",
        "  unplayed: POST /v1/messages",
        "b: nobody asked for it",
    ]
    assert not missed(desk.shelf)


def test_a_miss_is_told_in_full() -> None:
    desk = server("one")
    ask(desk, "something else")

    lines = summary(desk.shelf)
    assert lines[0] == "a: 0 hits, 1 miss, 1 unplayed"
    assert lines[1].startswith("  miss: No recording in a matches POST /v1/messages")
    assert "    To record it: tokentape record a" in lines
    assert missed(desk.shelf)


def test_a_reset_forgets_no_miss() -> None:
    desk = server("one")
    ask(desk, "something else")
    desk.answer(asked({}, b"/.tokentape/replay/reset"))
    ask(desk, "one")

    assert missed(desk.shelf)
    assert summary(desk.shelf) == [
        "a: 1 hit, 0 misses, 0 unplayed",
        "b: nobody asked for it",
        "in all, resets included: 1 hit, 1 miss",
    ]


def test_verdicts_that_are_no_exact_hits_are_named() -> None:
    desk = server("one")
    body = question("one", metadata={"user_id": "somebody"})
    desk.answer(asked(body, b"/@cassette=a/v1/messages"))
    desk.answer(asked(target=b"/@cassette=a/api/other"))

    assert summary(desk.shelf)[0] == "a: 1 hit (1 normalised), 0 misses, 1 to other endpoints, 0 unplayed"


def test_long_lists_are_cut_short() -> None:
    desk = server(*(str(number) for number in range(30)))
    ask(desk, "0")

    lines = summary(desk.shelf)
    assert lines[1:-1] == ["  unplayed: POST /v1/messages"] * 10 + ["  and 19 more"]


def test_so_are_many_sessions() -> None:
    desk = server("one")
    for number in range(150):
        ask(desk, "one", str(number))

    assert summary(desk.shelf)[-3:] == [
        "and 50 more sessions",
        "b: nobody asked for it",
        "in all, resets included: 150 hits, 0 misses",
    ]


def test_a_request_is_named_by_method_path_and_query() -> None:
    recorded = interaction(None, b"", method="GET", uri="https://api.anthropic.com/v1/models?limit=3")

    assert named(recorded.request) == "GET /v1/models?limit=3"


def test_reports_are_json_for_programs() -> None:
    desk = server("one")
    ask(desk, "one", "7")
    answer = desk.answer(asked(target=b"/.tokentape/replay"))

    assert json.loads(answer.pieces[1]) == {
        "cassettes": ["a", "b"],
        "sessions": [
            {
                "cassette": "a",
                "session": "7",
                "exact": 1,
                "normalised": 0,
                "drifted": 0,
                "misses": 0,
                "other": 0,
                "unplayed": [],
                "notes": [],
            }
        ],
    }
