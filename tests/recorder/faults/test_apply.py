"""A fault changes nothing before the point where it strikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.faults.recorded import EVENTS, sent, stream, whole

from tokentape.recorder.faults.apply import struck
from tokentape.recorder.faults.catalogue import DECLARED, Strikes
from tokentape.recorder.faults.spec import make_fault

if TYPE_CHECKING:
    from tokentape.recorder.faults.catalogue import Declaration

PLACED = ("error_event", "cut", "malformed", "stall")
"""Faults that strike after some events."""


@given(st.sampled_from(PLACED), st.integers(0, len(EVENTS) - 1))
def test_the_bytes_before_the_strike_are_those_of_the_recording(name: str, after: int) -> None:
    before = (
        sent(stream(*EVENTS[:after])).removesuffix(b"0\r\n\r\n")
        if after
        else sent(stream()).partition(b"\r\n\r\n")[0]
    )

    faulty = sent(struck(stream(), make_fault(name, {"after": after})))

    assert sent(stream()).startswith(before)
    assert faulty.startswith(before)


@given(st.sampled_from(("truncated", "context_window_exceeded", "refusal")), st.integers(0, 19))
def test_a_message_that_ends_early_begins_as_it_was_recorded(name: str, tokens: int) -> None:
    faulty = struck(stream(), make_fault(name, {"tokens": tokens})).body.data
    same = next(place for place, event in enumerate(faulty) if event != EVENTS[place])

    # What differs is one delta that is shorter, and the end.
    assert len(faulty) - same <= 4
    assert faulty[:same] == list(EVENTS[:same])


@given(st.sampled_from([name for name in DECLARED if name != "limits"]), st.booleans())
def test_every_fault_leaves_the_status_and_the_headers_of_a_reply(name: str, streamed: bool) -> None:  # noqa: FBT001
    reply = stream() if streamed else whole()

    faulty = struck(reply, make_fault(name, {}))

    assert (faulty.status, faulty.headers) == (reply.status, reply.headers)


@pytest.mark.parametrize("declared", DECLARED.values(), ids=lambda declared: declared.name)
def test_what_is_answered_instead_changes_no_reply(declared: Declaration) -> None:
    if declared.strikes != Strikes.INSTEAD or declared.name in {"hang_up", "limits"}:
        return
    fault = make_fault(declared.name, {})

    assert struck(stream(), fault) == stream()
    assert struck(whole(), fault) == whole()


def test_a_fault_of_streams_leaves_other_replies_alone() -> None:
    for name in ("slow_first_event", "no_message_stop", "error_event"):
        assert struck(whole(), make_fault(name, {})) == whole()


@given(st.binary(max_size=80), st.sampled_from([name for name in DECLARED if name != "limits"]))
def test_any_bytes_can_be_struck(data: bytes, name: str) -> None:
    for reply in (stream(data), whole()):
        reply.body.data = [data]
        sent(struck(reply, make_fault(name, {})))
