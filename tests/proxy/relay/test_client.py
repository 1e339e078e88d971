"""The relay's client side: what is refused and how, what the worker answers itself, and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.support.relay import OK, answering, eventually, on_loop, only, relay_bed
from tests.support.replies import error_of

from tokentape.proxy.frames import Ending

if TYPE_CHECKING:
    from tests.support.relay import Bed


async def refused(bed: Bed, raw: bytes, method: bytes = b"GET") -> tuple[int, str, str]:
    """The error that answers these bytes; behind it the connection must end."""
    client = await bed.client()
    client.send(raw)
    reply = await client.message(method=method)
    assert reply is not None
    assert reply.header(b"connection") == b"close"
    assert await client.until_closed() == b""
    client.close()
    return error_of(reply)


# Refusals.


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"GET / HTTP/1.1\n\n", (400, "invalid_request_error", "malformed")),
        (b"GET / HTTP/1.1\r\n\r\n", (400, "invalid_request_error", "host")),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", (400, "invalid_request_error", "malformed")),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505, "api_error", "http_version")),
        (b"\x16\x03\x01\x00\xee\x01\x00\x00\xea\x03\x03", (400, "invalid_request_error", "malformed")),
        (
            b"GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n",
            (400, "invalid_request_error", "target"),
        ),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", (400, "invalid_request_error", "target")),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", (405, "not_found_error", "connect")),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            (400, "invalid_request_error", "upgrade"),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            (400, "invalid_request_error", "malformed"),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            (400, "invalid_request_error", "transfer_encoding"),
        ),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, (431, "invalid_request_error", "head_too_large")),
        (
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
            (431, "invalid_request_error", "head_too_large"),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n",
            (413, "request_too_large", "body_too_large"),
        ),
    ],
)
@on_loop
async def test_a_refusal_is_one_clear_sentence_and_the_end_of_the_connection(
    raw: bytes, expected: tuple[int, str, str]
) -> None:
    async with relay_bed(answering(OK)) as bed:
        assert await refused(bed, raw) == expected
        assert bed.relay.refusals == {expected[2]: 1}
        assert bed.relay.carried == 0
        assert bed.upstream.peers == []


@on_loop
async def test_broken_chunks_end_an_exchange_that_is_then_not_counted_as_refused_too() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await eventually(lambda: bed.upstream.peers)
        client.send(b"5\r\nhello\r\nxyz\r\n")
        assert error_of(await client.message(method=b"POST"))[2] == "chunked_framing"
        exchange = await only(bed)
        assert (exchange.ending, exchange.status, exchange.reason) == (
            Ending.PROXY_ERROR,
            400,
            "chunked_framing",
        )
        assert bed.relay.refusals == {}


@on_loop
async def test_h2c_is_declined_by_serving_http_1() -> None:
    """RFC 9110, section 7.8: a server may ignore an upgrade, and the headers about it are hop-by-hop."""
    async with relay_bed(answering(OK)) as bed:
        reply = await bed.ask(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX: y\r\n\r\n"
        )
        assert (reply.status, reply.body) == (200, b"hi")
        exchange = await only(bed)
        host = bed.relay.host
        assert exchange.head == b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nX: y\r\n\r\n"


@on_loop
async def test_a_refusal_behind_a_head_request_has_its_body() -> None:
    async with relay_bed(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")) as bed:
        client = await bed.client()
        client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.message(method=b"HEAD")) is not None
        client.send(b"nonsense\r\n\r\n")
        assert error_of(await client.message(method=b"GET"))[0] == 400


@on_loop
async def test_an_error_in_reply_to_head_has_no_body() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(b"HEAD * HTTP/1.1\r\nHost: a\r\n\r\n")
        reply = await client.message(method=b"HEAD")
        assert reply is not None
        assert reply.status == 400
        assert await client.until_closed() == b""


# What the worker answers itself.


@on_loop
async def test_healthz_is_answered_by_the_worker() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        for target in (b"/.tokentape/healthz", b"/@project=x/.tokentape/healthz?verbose"):
            client.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            reply = await client.message(method=b"GET")
            assert reply is not None
            assert (reply.status, reply.header(b"connection")) == (200, None)
            told = msgspec.json.decode(reply.body, type=dict[str, object])
            assert (told["status"], told["upstream"]) == ("ok", bed.relay.upstream.url)
        client.send(b"HEAD /.tokentape/healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.message(method=b"HEAD")) is not None
        client.send(b"GET /.tokentape/nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        assert error_of(await client.message(method=b"GET")) == (404, "not_found_error", "unknown_path")
        assert bed.relay.carried == 0
        assert bed.upstream.peers == []


@on_loop
async def test_healthz_with_half_a_body_says_that_the_connection_ends() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(b"POST /.tokentape/healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert (reply.status, reply.header(b"connection")) == (200, b"close")
        assert await client.until_closed() == b""


# Labels.


@on_loop
async def test_labels_reach_the_observer_and_never_the_upstream() -> None:
    async with relay_bed(answering(OK), prefix="/base") as bed:
        await bed.ask(
            b"GET /@project=a/@cassette=b/v1/models?x=1 HTTP/1.1\r\nHost: a\r\n"
            b"X-Tokentape-Labels: team=c\r\nx-tokentape-labels:  user=d \r\nX: y\r\n\r\n"
        )
        exchange = await only(bed)
        assert exchange.labels == b"project=a,team=c,user=d"
        host = bed.relay.host
        assert exchange.head == (
            b"GET /base/@cassette=b/v1/models?x=1 HTTP/1.1\r\nHost: " + host + b"\r\nX: y\r\n\r\n"
        )
