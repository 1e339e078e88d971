"""What mitmproxy says of a failure becomes the relay's words for it."""

from __future__ import annotations

import pytest

from tokentape.proxy.frames import Ending
from tokentape.proxy.intercept.endings import Failure, client_failure, server_failure


@pytest.mark.parametrize(
    ("message", "silent", "ending", "status"),
    [
        ("Client disconnected.", False, Ending.CLIENT_ABORT, 0),
        ("peer closed connection", False, Ending.CLIENT_ABORT, 0),
        ("stream reset by client (CANCEL)", False, Ending.CLIENT_ABORT, 0),
        ("Client disconnected.", True, Ending.TIMEOUT, 0),
        ("HTTP/1 protocol error: bad chunk", False, Ending.PROXY_ERROR, 400),
    ],
)
def test_a_client_left_or_was_silent_or_spoke_no_http(
    message: str,
    silent: bool,  # noqa: FBT001 - a parameter
    ending: Ending,
    status: int,
) -> None:
    failure = client_failure(message, silent=silent)
    assert (failure.ending, failure.status) == (ending, status)


@pytest.mark.parametrize(
    ("kind", "message", "ending", "status", "code"),
    [
        ("CONNECT_FAILED", "[Errno 111] Connection refused", Ending.PROXY_ERROR, 502, "upstream_unreachable"),
        ("CONNECT_FAILED", "Certificate verify failed: x", Ending.PROXY_ERROR, 502, "upstream_certificate"),
        ("CONNECT_FAILED", "[Errno 110] Connection timed out", Ending.TIMEOUT, 504, "connect_timeout"),
        ("GENERIC_SERVER_ERROR", "server closed connection", Ending.UPSTREAM_ABORT, 502, "upstream_closed"),
        ("CANCEL", "stream reset by client (CANCEL)", Ending.UPSTREAM_ABORT, 502, "upstream_closed"),
        (
            "GENERIC_SERVER_ERROR",
            "Cannot parse HTTP response: x",
            Ending.UPSTREAM_ABORT,
            502,
            "upstream_protocol",
        ),
    ],
)
def test_an_upstream_failed_before_it_replied(
    kind: str, message: str, ending: Ending, status: int, code: str
) -> None:
    failure = server_failure(kind, message, "api.example", begun=False)
    assert (failure.ending, failure.status, failure.code) == (ending, status, code)
    assert "api.example" in failure.message
    assert failure.message.endswith(".")
    assert ".." not in failure.message


def test_inside_a_reply_nothing_can_be_said_to_the_client() -> None:
    failure = server_failure("GENERIC_SERVER_ERROR", "server closed connection", "api.example", begun=True)
    reason = "the upstream closed the connection inside its reply"
    assert failure == Failure(ending=Ending.UPSTREAM_ABORT, code=reason)
