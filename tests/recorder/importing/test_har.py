from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.cassette.interaction import Arrival, Interaction, Request, Response, Timing
from tokentape.recorder.importing.errors import ImportingError
from tokentape.recorder.importing.har import interactions


def entry(**changes: Any) -> dict[str, Any]:
    """An entry, as Chrome writes it, less what nobody needs."""
    plain = {
        "startedDateTime": "2026-09-21T14:13:20.500Z",
        "time": 1500.0,
        "request": {
            "method": "POST",
            "url": "https://api.anthropic.com/v1/messages",
            "httpVersion": "http/2.0",
            "headers": [
                {"name": ":authority", "value": "api.anthropic.com"},
                {"name": "content-type", "value": "application/json"},
                {"name": "content-length", "value": "13"},
            ],
            "postData": {"mimeType": "application/json", "text": '{"model":"ü"}'},
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "headers": [
                {"name": "content-type", "value": "application/json"},
                {"name": "content-encoding", "value": "br"},
            ],
            "content": {"size": 2, "mimeType": "application/json", "text": "{}"},
        },
        "timings": {"blocked": 1, "send": 0.5, "wait": 500, "receive": 1000},
    }
    return plain | changes


def har(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": {}, "entries": list(entries)}}).encode()


def read(*entries: dict[str, Any]) -> list[Interaction]:
    return list(interactions(har(*entries), "x.har"))


def test_an_entry_is_an_interaction() -> None:
    """Its bodies are decoded, whatever the headers say."""
    assert read(entry()) == [
        Interaction(
            request=Request(
                method="POST",
                uri="https://api.anthropic.com/v1/messages",
                headers=(("content-type", "application/json"),),
                body='{"model":"ü"}'.encode(),
            ),
            response=Response(
                status=200,
                reason="OK",
                headers=(("content-type", "application/json"),),
                body=b"{}",
                timing=Timing(headers=0.5, arrivals=(Arrival(at=1.5, size=2),), ended=1.5),
            ),
            recorded_at=1_790_000_000.5,
        )
    ]


def test_bytes_are_base64() -> None:
    content = {"text": base64.b64encode(b"\xff\x00").decode(), "encoding": "base64"}
    (found,) = read(entry(response={"status": 200, "content": content}))
    assert (found.response.body, found.response.headers) == (b"\xff\x00", ())


def test_what_is_not_known_is_left_open() -> None:
    (found,) = read(
        {
            "request": {"method": "get", "url": "https://x/"},
            "response": {"status": 204},
            "timings": {"wait": -1},
        }
    )
    assert found == Interaction(
        request=Request(method="GET", uri="https://x/"), response=Response(status=204)
    )


def test_an_entry_without_a_response_is_passed_over() -> None:
    assert read(entry(response={"status": 0, "content": {}})) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"log": {}}', "x.har is no HAR: Object missing required field `entries` - at `$.log`."),
        (b'{"log": ', "x.har is no HAR: Input data was truncated."),
        (
            har(entry(startedDateTime="yesterday")),
            "x.har: entry 0 cannot be read: Invalid isoformat string: 'yesterday'.",
        ),
        (
            har(entry(response={"status": 200, "content": {"text": "a", "encoding": "base64"}})),
            "x.har: entry 0 cannot be read: Invalid base64-encoded string: ",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(ImportingError) as caught:
        list(interactions(data, "x.har"))
    assert str(caught.value).startswith(said)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for text in (data, b'{"log":{"entries":[' + data + b"]}}"):
        with contextlib.suppress(ImportingError):
            list(interactions(text, "x.har"))
