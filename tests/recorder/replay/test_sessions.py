"""Sessions: opened when they are named, bounded, and never mixed up."""

from __future__ import annotations

import pytest
from tests.recorder.replay.plain import desk, interaction, message, question

from tokentape.recorder.replay import sessions
from tokentape.recorder.replay.sessions import MOST_NOTES, AddressError, Note


def test_there_are_only_so_many_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 2)
    shelf = desk(a=[]).shelf
    first = shelf.session("a", "1")
    shelf.session("a", "2")

    with pytest.raises(AddressError, match=r"^2 sessions are open: end some with DELETE "):
        shelf.session("a", "3")
    assert shelf.session("a", "1") is first
    shelf.end(first)
    assert shelf.session("a", "3").name == "3"


def test_only_so_many_notes_are_kept() -> None:
    session = desk(a=[]).shelf.session("", "")
    for number in range(MOST_NOTES + 5):
        session.note(Note(verdict="miss", request="GET /", text=str(number)))

    assert [note.text for note in session.notes] == [str(number) for number in range(MOST_NOTES)]


def test_many_cassettes_are_named_in_part() -> None:
    shelf = desk({f"c{number:02}": [] for number in range(12)}).shelf

    with pytest.raises(AddressError) as caught:
        shelf.session("none", "")
    assert str(caught.value) == (
        "There is no cassette none. "
        "NAME is one of: c00, c01, c02, c03, c04, c05, c06, c07, c08, c09 and 2 more."
    )


def test_sessions_of_one_name_on_two_cassettes_are_two() -> None:
    recorded = [interaction(question("hello"), message("hi"))]
    shelf = desk(a=recorded, b=recorded).shelf
    request = recorded[0].request

    assert shelf.session("a", "1").play(request).interaction == recorded[0]
    assert shelf.session("b", "1").play(request).interaction == recorded[0]
    assert shelf.session("a", "1").play(request).interaction is None
