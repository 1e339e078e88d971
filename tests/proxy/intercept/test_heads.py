"""Heads are the relay's, whatever was spoken on the wire."""

from __future__ import annotations

from tokentape.proxy.intercept.heads import request_head, response_head


def test_a_head_keeps_spelling_and_order_and_loses_what_is_about_one_connection() -> None:
    fields = [(b"Host", b"api.example"), (b"X-Api-Key", b"k"), (b"Connection", b"keep-alive"), (b"a", b"1")]
    assert request_head(b"POST", b"/v1/messages?beta=true", b"ignored", fields) == (
        b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.example\r\nX-Api-Key: k\r\na: 1\r\n\r\n"
    )


def test_http2_has_its_host_elsewhere() -> None:
    assert request_head(b"GET", b"/", b"api.example", [(b"a", b"1")]) == (
        b"GET / HTTP/1.1\r\nHost: api.example\r\na: 1\r\n\r\n"
    )


def test_a_reply_without_a_reason_is_a_reply() -> None:
    assert response_head(200, b"", [(b"content-type", b"application/json"), (b"keep-alive", b"5")]) == (
        b"HTTP/1.1 200 \r\ncontent-type: application/json\r\n\r\n"
    )
