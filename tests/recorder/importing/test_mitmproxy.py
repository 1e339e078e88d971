from __future__ import annotations

import gzip

import pytest
from tests.recorder.importing.flows import flow, tnetstring

from tokentape.recorder.cassette.interaction import Arrival, Ending, Interaction, Request, Response, Timing
from tokentape.recorder.importing.errors import ImportingError
from tokentape.recorder.importing.mitmproxy import interactions


def read(*flows: object) -> list[Interaction]:
    return list(interactions(b"".join(map(tnetstring, flows)), "x.mitm"))


def test_a_flow_is_an_interaction() -> None:
    assert read(flow()) == [
        Interaction(
            request=Request(
                method="POST",
                uri="https://api.anthropic.com/v1/messages?beta=true",
                headers=(("content-type", "application/json"),),
                body=b'{"model":"m"}',
            ),
            response=Response(
                status=200,
                reason="OK",
                headers=(("content-type", "application/json"),),
                body=b'{"type":"message"}',
                timing=Timing(headers=1.0, arrivals=(Arrival(at=3.0, size=18),), ended=3.0),
            ),
            recorded_at=1_790_000_001.25,
        )
    ]


def test_compressed_bodies_are_decoded_on_both_sides() -> None:
    headers = [[b"content-encoding", b"gzip"]]
    packed = {"headers": headers, "content": gzip.compress(b"plain")}
    (found,) = read(flow(request=packed, response=packed))
    assert (found.request.body, found.response.body) == (b"plain", b"plain")
    assert (found.request.headers, found.response.headers) == ((), ())
    assert found.response.timing == Timing(headers=1.0, arrivals=(Arrival(at=3.0, size=5),), ended=3.0)


def test_a_body_that_was_cut_off_is_what_came() -> None:
    body = gzip.compress(b"x" * 10_000, 0)[:-500]
    cut = {"headers": [[b"content-encoding", b"gzip"]], "content": body}
    (found,) = read(flow(response=cut, error={"msg": "reset", "timestamp": 1.0}))
    assert found.response.ending is Ending.UPSTREAM_ABORT
    assert found.response.body == b"x" * len(found.response.body)
    assert found.response.body


def test_an_empty_body_and_times_that_are_missing_are_no_fault() -> None:
    (found,) = read(flow(request={"content": None}, response={"content": None, "timestamp_end": None}))
    assert (found.request.body, found.response.body, found.response.timing) == (b"", b"", None)


def test_another_port_is_in_the_uri() -> None:
    (found,) = read(flow(request={"scheme": b"http", "port": 8080, "host": "localhost"}))
    assert found.request.uri == "http://localhost:8080/v1/messages?beta=true"


def test_what_is_no_http_exchange_is_passed_over() -> None:
    assert read(flow(type="tcp"), {"type": "dns"}, "text", flow(response={}) | {"response": None}) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b"12:",
            "x.mitm is no whole flow file: 0 flows can be read, then the value at byte 0 ends after",
        ),
        (
            tnetstring(flow()) + b"?",
            "x.mitm is no whole flow file: 1 flows can be read, then there is no size at byte {}.",
        ),
        (
            tnetstring(flow(response={"headers": [[b"content-encoding", b"gzip"]], "content": b"no gzip"})),
            "x.mitm: flow 1's response is not what its content-encoding gzip says: corrupt",
        ),
        (
            tnetstring({"response": {"content": b""}}),
            "x.mitm: flow 1 cannot be read: KeyError('request') in it.",
        ),
        (tnetstring(flow(request={"port": "x"})), "x.mitm: flow 1 cannot be read: ValueError("),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(ImportingError) as caught:
        list(interactions(data, "x.mitm"))
    assert str(caught.value).startswith(said.format(len(data) - 1))
