"""The intercept as its clients and its upstream see it, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

import anthropic
import httpx2
import pytest
from tests.support.certificates import authority
from tests.support.intercept import API, Intercepting, intercepting, require_mitmproxy, upstream_context
from tests.support.metered import metered
from tests.support.proxy import eventually
from tests.support.upstream import ENDING, OPENING, REQUEST, STREAM_REQUEST, UNARY
from tests.support.wire import receive, serving

from tokentape.proxy.messages.call import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from tokentape.proxy.messages.call import Call

MODEL = "claude-sonnet-4-6"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
UNARY_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(UNARY),
    UNARY,
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Scripted:
    """Replies by the path's last word, so that one server plays every part."""

    def __init__(self) -> None:
        self.left = 0
        """How often a client hung up inside a stream."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while request := await receive(reader, is_response=False):
                part = dict(request.headers).get("x-part") or dict(request.headers).get("X-Part", "")
                if not await self._reply(part, json.loads(request.body), reader, writer):
                    break
        writer.close()

    async def _reply(
        self, part: str, body: dict[str, object], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if part == "silent":
            writer.transport.abort()
            return False
        if not body.get("stream"):
            writer.write(UNARY_REPLY)
            await writer.drain()
            return True
        writer.write(STREAM_HEAD + chunk(OPENING))
        await writer.drain()
        if part == "broken":
            writer.close()
            return False
        if part == "held":
            # The test says when, by a word that no client of an API would send; or it leaves.
            self.left += not await reader.read(1)
            return False
        writer.write(chunk(ENDING) + b"0\r\n\r\n")
        await writer.drain()
        return True


class Stage(NamedTuple):
    proxy: Intercepting
    upstream: Scripted
    url: str


@pytest.fixture(scope="module")
def stage() -> Generator[Stage]:
    require_mitmproxy()
    upstream = Scripted()
    with (
        serving(upstream, upstream_context()) as url,
        intercepting(url, labels="project=default-of-run") as proxy,
    ):
        yield Stage(proxy, upstream, url)


def told(stage: Stage, name: str) -> Call:
    """The call with this label, which comes after all that were told before."""
    count = 0
    while True:
        count += 1
        found = stage.proxy.calls(count)
        for call in found[count - 1 :]:
            if call.labels.get("name") == name:
                return call
        count = len(found)


def request(name: str, part: str, body: bytes = STREAM_REQUEST) -> bytes:
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: {API}\r\nx-api-key: sk-ant-test\r\nx-part: {part}\r\n"
        f"x-tokentape-labels: name={name}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextlib.asynccontextmanager
async def connection(
    proxy: Intercepting,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await proxy.open()
    try:
        yield reader, writer
    finally:
        writer.close()
        writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_the_sdk_reads_replies_and_streams(stage: Stage, http2: bool) -> None:  # noqa: FBT001 - a parameter
    name = f"sync-{http2}"
    proxied = httpx2.Client(proxy=stage.proxy.proxy_url, verify=stage.proxy.trust(), http2=http2)
    headers = {"x-tokentape-labels": f"name={name}"}
    with anthropic.Anthropic(
        api_key="k", max_retries=0, http_client=proxied, default_headers=headers
    ) as client:
        reply = client.messages.create(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
        )
        with client.messages.stream(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
        ) as stream:
            text = "".join(stream.text_stream)
    assert (reply.usage.input_tokens, reply.usage.output_tokens, text) == (12, 5, "Hello")
    call = told(stage, name)
    assert (call.engine, call.outcome, call.project) == ("intercept", Outcome.OK, "default-of-run")
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (12, 5)


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_the_asynchronous_sdk_streams_more_at_once_than_mitmproxy_would_connect(
    stage: Stage,
    http2: bool,  # noqa: FBT001 - a parameter
) -> None:
    async def converse() -> list[str]:
        proxied = httpx2.AsyncClient(proxy=stage.proxy.proxy_url, verify=stage.proxy.trust(), http2=http2)
        async with anthropic.AsyncAnthropic(api_key="k", max_retries=0, http_client=proxied) as client:

            async def one() -> str:
                async with client.messages.stream(
                    model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
                ) as stream:
                    return "".join([text async for text in stream.text_stream])

            return await asyncio.gather(*(one() for _ in range(12)))

    assert asyncio.run(converse()) == ["Hello"] * 12


def test_events_pass_when_they_come_and_a_client_that_leaves_ends_the_upstreams_work(stage: Stage) -> None:
    async def leave() -> bytes:
        async with connection(stage.proxy) as (reader, writer):
            writer.write(request("left", "held"))
            return await reader.readuntil(b"text_delta")

    assert b"message_start" in asyncio.run(leave())
    call = told(stage, "left")
    assert (call.outcome, call.status) == (Outcome.CLIENT_ABORT, 200)
    assert call.usage is not None
    assert call.usage.input_tokens == 12
    eventually(lambda: stage.upstream.left == 1, "the end of the upstream's work")


def test_a_stream_that_the_upstream_breaks_off_is_broken_off_for_the_client(stage: Stage) -> None:
    async def read() -> tuple[bytes, bool]:
        async with connection(stage.proxy) as (reader, writer):
            writer.write(request("broken", "broken"))
            reply = await receive(reader, is_response=True)
            assert reply is not None
            return reply.body, reply.complete

    assert asyncio.run(read()) == (OPENING, False)
    assert told(stage, "broken").outcome == Outcome.UPSTREAM_ABORT


def test_an_upstream_that_hangs_up_before_it_replies_is_told_as_the_api_tells_errors(stage: Stage) -> None:
    async def read() -> tuple[str, dict[str, str], dict[str, object]]:
        async with connection(stage.proxy) as (reader, writer):
            writer.write(request("silent", "silent", REQUEST))
            reply = await receive(reader, is_response=True)
            assert reply is not None
            return reply.start, dict(reply.headers), json.loads(reply.body)

    start, headers, body = asyncio.run(read())
    assert (start, headers["x-tokentape-error"]) == ("HTTP/1.1 502 Bad Gateway", "upstream_closed")
    assert body == {
        "type": "error",
        "error": {
            "type": "api_error",
            "message": "127.0.0.1 closed the connection before it replied: send the request again.",
        },
    }
    call = told(stage, "silent")
    assert (call.outcome, call.status) == (Outcome.UPSTREAM_ABORT, 502)


def test_the_same_call_through_relay_and_intercept_differs_in_timings_and_engine_alone() -> None:
    require_mitmproxy()

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in (REQUEST, STREAM_REQUEST):
            writer.write(request("twice", "", body))
            assert await receive(reader, is_response=True)
        writer.close()
        writer.transport.abort()
        await asyncio.sleep(0)

    async def relayed(port: int) -> None:
        await send(*await asyncio.open_connection("127.0.0.1", port))

    async def intercepted(proxy: Intercepting) -> None:
        await send(*await proxy.open())

    with serving(Scripted()) as url:
        with metered(url) as relay:
            asyncio.run(relayed(relay.port))
            through_relay = relay.calls(2)
        with intercepting(url) as proxy:
            asyncio.run(intercepted(proxy))
            through_intercept = proxy.calls(2)
    assert [call.engine for call in through_relay + through_intercept] == ["relay"] * 2 + ["intercept"] * 2
    assert list(map(timeless, through_intercept)) == list(map(timeless, through_relay))


def timeless(call: Call) -> dict[str, object]:
    apart = {"id", "engine", "started_at", "ended_at", "timings"}
    return {field: getattr(call, field) for field in call.__struct_fields__ if field not in apart}


def test_another_host_shows_its_own_certificate_and_is_not_told(stage: Stage) -> None:
    async def certificate() -> bytes:
        host, port = stage.url.removeprefix("https://").split(":")
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.proxy.port)
        writer.write(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        context = ssl.create_default_context()
        authority().configure_trust(context)  # pyright: ignore[reportUnknownMemberType]  # also takes pyOpenSSL's
        await writer.start_tls(context, server_hostname=host)
        writer.write(request("tunnelled", "", REQUEST))
        assert await receive(reader, is_response=True)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        await asyncio.sleep(0)
        return bytes(found)

    async def one_more() -> None:
        async with connection(stage.proxy) as (reader, writer):
            writer.write(request("after", "", REQUEST))
            assert await receive(reader, is_response=True)

    with contextlib.closing(
        socket.create_connection(("127.0.0.1", int(stage.url.rpartition(":")[2])))
    ) as plain:
        context = ssl.create_default_context()
        authority().configure_trust(context)  # pyright: ignore[reportUnknownMemberType]  # as above
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as direct:
            own = direct.getpeercert(binary_form=True)
    assert asyncio.run(certificate()) == own
    asyncio.run(one_more())
    told(stage, "after")
    assert [call for call in stage.proxy.calls(1) if call.labels.get("name") == "tunnelled"] == []


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_an_upstream_that_cannot_be_reached_or_trusted_is_said_and_counted(http2: bool) -> None:  # noqa: FBT001
    require_mitmproxy()
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("another.example").configure_cert(stranger)  # pyright: ignore[reportUnknownMemberType]  # as above
    with serving(Scripted(), stranger) as url:
        for upstream, code in (
            ("https://127.0.0.1:1", "upstream_unreachable"),
            (url, "upstream_certificate"),
        ):
            with intercepting(upstream) as proxy:
                verify = proxy.trust()
                with httpx2.Client(proxy=proxy.proxy_url, verify=verify, http2=http2) as client:
                    reply = client.post(f"https://{API}/v1/messages", content=REQUEST)
                assert (reply.status_code, reply.headers["x-tokentape-error"]) == (502, code)
                assert reply.json()["error"]["type"] == "api_error"
                call = proxy.calls(1)[0]
                assert (call.outcome, call.error and call.error.type) == (Outcome.PROXY_ERROR, code)
