"""The proxy's own answers: Anthropic-shaped, and honest about retries."""

from __future__ import annotations

import msgspec
import pytest
from tests.support.raw_http import Message, parse_head
from tests.support.replies import OwnError, own_error

from tokentape.proxy import answers


def parsed(raw: bytes) -> Message:
    head, _, body = raw.partition(b"\r\n\r\n")
    message = parse_head(head + b"\r\n\r\n")
    message.body = body
    message.complete = message.header(b"content-length") == b"%d" % len(body)
    return message


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, "invalid_request_error", False),
        (405, "not_found_error", False),
        (408, "timeout_error", True),
        (413, "request_too_large", False),
        (431, "invalid_request_error", False),
        (501, "api_error", False),
        (502, "api_error", True),
        (503, "overloaded_error", True),
        (504, "timeout_error", True),
        (505, "api_error", False),
    ],
)
def test_an_error_has_the_apis_shape_and_forbids_a_retry_that_cannot_help(
    status: int, kind: str, *, retry: bool
) -> None:
    message = parsed(answers.error(status, "some_code", "What to do."))
    assert own_error(message) == OwnError(status, kind, "some_code", "What to do.", retry)
    assert message.header(b"connection") is None


def test_a_certificate_is_the_same_at_the_next_try() -> None:
    assert not own_error(parsed(answers.error(502, "upstream_certificate", "Set SSL_CERT_FILE."))).retry


def test_an_answer_can_end_the_connection() -> None:
    assert parsed(answers.error(400, "x", "Y.", close=True)).header(b"connection") == b"close"
    assert parsed(answers.json(200, {}, close=True)).header(b"connection") == b"close"


def test_a_reply_to_head_names_the_length_of_the_body_that_it_leaves_out() -> None:
    whole, bare = (answers.error(404, "x", "Caf\u00e9 \u2603.", body=body) for body in (True, False))
    assert whole.startswith(bare)
    assert parsed(whole).complete
    assert bare.endswith(b"\r\n\r\n")


def test_json_is_what_was_given() -> None:
    message = parsed(answers.json(200, {"status": "ok"}))
    assert (message.status, msgspec.json.decode(message.body)) == (200, {"status": "ok"})


def test_the_sdk_raises_what_fits_and_obeys_the_retry_header() -> None:
    """Through the official SDK's own eyes: class, message, and whether it would try again."""
    import anthropic
    import httpx2

    def reply(status: int, code: str) -> httpx2.Response:
        message = parsed(answers.error(status, code, "What to do."))
        headers = [(name.decode(), value.decode()) for name, value in message.headers]
        request = httpx2.Request("POST", "http://127.0.0.1/v1/messages")
        return httpx2.Response(message.status, headers=headers, content=message.body, request=request)

    with anthropic.Anthropic(api_key="x") as client:
        error = client._make_status_error_from_response(reply(413, "body_too_large"))
        assert isinstance(error, anthropic.RequestTooLargeError)
        assert "What to do." in str(error)
        again = {
            status: client._should_retry(reply(status, "x")) for status in (400, 408, 413, 501, 502, 504)
        }
        assert again == {400: False, 408: True, 413: False, 501: False, 502: True, 504: True}
