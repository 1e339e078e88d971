"""Addresses inside replies: those of results lead back to the replay server."""

from __future__ import annotations

import pytest

from tokentape.recorder.cassette.interaction import Request, Response
from tokentape.recorder.replay.links import relinked

API = "https://api.anthropic.com"
URL = b"https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"
HERE = b"http://127.0.0.1:9/@session=1"


def led(path: str, body: bytes, base: bytes = HERE) -> bytes:
    request = Request(method="GET", uri=f"{API}{path}")
    return relinked(request, Response(status=200, body=body), base).body


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/messages/batches/msgbatch_1"])
def test_results_are_fetched_here(path: str) -> None:
    body = (
        b'{"id":"a","results_url": "'
        + URL
        + b'","b":{"results_url":"'
        + URL
        + b'"},"c":{"results_url":null}}'
    )

    there = HERE + b"/v1/messages/batches/msgbatch_1/results"
    assert led(path, body) == body.replace(URL, there)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/batches/msgbatch_1/results", "/v1/files"])
def test_what_a_model_wrote_is_left_alone(path: str) -> None:
    body = b'{"results_url":"' + URL + b'"}'

    assert led(path, body) == body


def test_a_client_that_names_no_host_gets_the_recorded_address() -> None:
    body = b'{"results_url":"' + URL + b'"}'

    assert led("/v1/messages/batches", body, b"") == body
