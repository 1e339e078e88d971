"""How calls end."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tokentape.proxy.frames import Ending
from tokentape.proxy.messages.call import CallError, Outcome
from tokentape.proxy.messages.outcome import Evidence, explain, judge

OVERLOADED = CallError(type="overloaded_error")
STREAM: dict[str, Any] = {"status": 200, "event_stream": True, "message_stream": True}
OPEN_STREAM: dict[str, Any] = {"status": 200, "event_stream": True}
COMPLETE, CLIENT, UPSTREAM, TIMEOUT, PROXY = (
    Ending.COMPLETE,
    Ending.CLIENT_ABORT,
    Ending.UPSTREAM_ABORT,
    Ending.TIMEOUT,
    Ending.PROXY_ERROR,
)


@pytest.mark.parametrize(
    ("ending", "known", "outcome"),
    [
        # unary
        (COMPLETE, {"status": 200}, Outcome.OK),
        (COMPLETE, {"status": 200, "cut_off": True}, Outcome.UPSTREAM_ABORT),
        (CLIENT, {"status": 200}, Outcome.CLIENT_ABORT),
        (UPSTREAM, {"status": 200}, Outcome.UPSTREAM_ABORT),
        (TIMEOUT, {"status": 200}, Outcome.TIMEOUT),
        (COMPLETE, {"status": 529}, Outcome.API_ERROR),
        (CLIENT, {"status": 400}, Outcome.API_ERROR),
        (COMPLETE, {"status": 200, "error": OVERLOADED}, Outcome.API_ERROR),
        # before a reply
        (CLIENT, {}, Outcome.CLIENT_ABORT),
        (UPSTREAM, {}, Outcome.UPSTREAM_ABORT),
        (TIMEOUT, {}, Outcome.TIMEOUT),
        (PROXY, {}, Outcome.PROXY_ERROR),
        (COMPLETE, {}, Outcome.UPSTREAM_ABORT),
        (COMPLETE, {"blind": True}, Outcome.OK),
        # the proxy answered itself
        (PROXY, {"proxy_status": 502}, Outcome.PROXY_ERROR),
        (COMPLETE, {"proxy_status": 413}, Outcome.PROXY_ERROR),
        (TIMEOUT, {"proxy_status": 504}, Outcome.TIMEOUT),
        (UPSTREAM, {"proxy_status": 502}, Outcome.UPSTREAM_ABORT),
        # streams of one message
        (COMPLETE, STREAM | {"complete": True}, Outcome.OK),
        (CLIENT, STREAM | {"complete": True}, Outcome.OK),
        (UPSTREAM, STREAM | {"complete": True}, Outcome.OK),
        (COMPLETE, STREAM, Outcome.UPSTREAM_ABORT),
        (COMPLETE, STREAM | {"blind": True}, Outcome.OK),
        (CLIENT, STREAM, Outcome.CLIENT_ABORT),
        (CLIENT, STREAM | {"blind": True}, Outcome.CLIENT_ABORT),
        (UPSTREAM, STREAM, Outcome.UPSTREAM_ABORT),
        (COMPLETE, STREAM | {"error": OVERLOADED}, Outcome.STREAM_ERROR),
        (CLIENT, STREAM | {"error": OVERLOADED}, Outcome.STREAM_ERROR),
        # streams without a known end
        (COMPLETE, OPEN_STREAM, Outcome.OK),
        (CLIENT, OPEN_STREAM, Outcome.OK),
        (UPSTREAM, OPEN_STREAM, Outcome.UPSTREAM_ABORT),
        (TIMEOUT, OPEN_STREAM, Outcome.TIMEOUT),
    ],
)
def test_bytes_and_words_make_the_outcome(ending: Ending, known: dict[str, Any], outcome: Outcome) -> None:
    assert judge(Evidence(ending=ending, **known)) is outcome


def test_whatever_is_known_there_is_an_outcome() -> None:
    flags = product([False, True], repeat=5)
    statuses = product([0, 502], [None, 200, 400], [None, OVERLOADED])
    for ending, (proxy, status, error), (events, message, cut_off, complete, blind) in product(
        Ending, statuses, flags
    ):
        evidence = Evidence(ending, proxy, status, error, events, message, cut_off, complete, blind)
        assert isinstance(judge(evidence), Outcome)


def test_an_error_is_what_the_api_named_or_the_code_of_the_proxy() -> None:
    assert explain(Outcome.API_ERROR, OVERLOADED, "") == OVERLOADED
    assert explain(Outcome.STREAM_ERROR, OVERLOADED, "") == OVERLOADED
    assert explain(Outcome.PROXY_ERROR, None, "upstream_unreachable") == CallError(
        type="upstream_unreachable"
    )
    assert explain(Outcome.TIMEOUT, None, "upstream_timeout") == CallError(type="upstream_timeout")
    assert explain(Outcome.UPSTREAM_ABORT, OVERLOADED, "upstream_closed") == CallError(type="upstream_closed")


def test_nobody_is_blamed_without_a_code() -> None:
    assert explain(Outcome.UPSTREAM_ABORT, None, "the upstream closed the connection") is None
    assert explain(Outcome.CLIENT_ABORT, OVERLOADED, "client_left") is None
    assert explain(Outcome.OK, None, "fine") is None
