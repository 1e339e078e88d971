from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from tests.support.certificates import authority, server_context
from tests.support.otlp_receiver import Receiver, Reply, otlp_over_grpc, otlp_over_http
from tests.support.ports import closed_port

from tokentape.proxy.telemetry.otel.config import GRPC, HTTP, Destination
from tokentape.proxy.telemetry.otel.transport import Answer, open_transport, rejected_items

if TYPE_CHECKING:
    from pathlib import Path

PARTIAL = ExportTraceServiceResponse(
    partial_success=ExportTracePartialSuccess(rejected_spans=3, error_message="three were too old")
).SerializeToString()
BODY = b"\x0a\x02\x0a\x00"
"""A request without items."""


def send(endpoint: str, protocol: str = HTTP, body: bytes = BODY, **changes: Any) -> Answer:
    path = "/v1/traces" if protocol == HTTP else ""
    destination = Destination(endpoint=endpoint + path, protocol=protocol, **changes)
    transport = open_transport(destination, "traces")
    try:
        return transport.send(body)
    finally:
        transport.close()


def test_a_request_arrives_with_the_headers_that_were_given() -> None:
    with otlp_over_http() as receiver:
        assert send(receiver.endpoint, headers={"authorization": "Bearer secret"}) == Answer()
        (request,) = receiver.requests
    assert (request.signal, request.body) == ("traces", BODY)
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["user-agent"].startswith("tokentape/")


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_a_request_is_compressed_where_that_was_asked_for(compression: str) -> None:
    with otlp_over_http() as receiver:
        assert send(receiver.endpoint, body=BODY * 1000, compression=compression).taken
        (request,) = receiver.requests
    assert request.headers["content-encoding"] == compression
    assert int(request.headers["content-length"]) < len(BODY * 1000)
    assert request.body == BODY * 1000


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(200, PARTIAL), Answer(rejected=3)),
        (Reply(200, b"\xff\xff"), Answer()),
        (Reply(429, headers=(("Retry-After", "7"),)), Answer(reason="status_429", again=True, wait=7.0)),
        (Reply(503, headers=(("Retry-After", "soon"),)), Answer(reason="status_503", again=True)),
        (Reply(413), Answer(reason="too_large", too_large=True)),
        (Reply(400), Answer(reason="status_400")),
        (Reply(401), Answer(reason="status_401")),
        (Reply(307, headers=(("Location", "http://elsewhere.invalid/"),)), Answer(reason="status_307")),
    ],
)
def test_what_http_answers_mean(reply: Reply, answer: Answer) -> None:
    with otlp_over_http() as receiver:
        receiver.replies.append(reply)
        assert msgspec.structs.replace(send(receiver.endpoint), detail="") == answer


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (503, Answer(reason="unreachable", again=True)),
        (429, Answer(reason="status_resource_exhausted", again=True)),
        (400, Answer(reason="status_invalid_argument")),
    ],
)
def test_what_grpc_answers_mean(status: int, answer: Answer) -> None:
    with otlp_over_grpc() as receiver:
        receiver.replies.append(Reply(status))
        assert msgspec.structs.replace(send(receiver.endpoint, GRPC), detail="") == answer


def test_grpc_carries_the_same_bytes() -> None:
    with otlp_over_grpc() as receiver:
        receiver.replies.append(Reply(200, PARTIAL))
        headers = {"Authorization": "Bearer secret"}
        assert send(receiver.endpoint, GRPC, headers=headers, compression="gzip") == Answer(rejected=3)
        (request,) = receiver.requests
    assert (request.signal, request.body) == ("traces", BODY)
    assert request.headers["authorization"] == "Bearer secret"


def test_a_message_over_a_grpc_servers_limit_is_too_large() -> None:
    with otlp_over_grpc(max_bytes=1000) as receiver:
        answer = send(receiver.endpoint, GRPC, body=BODY * 1000)
    assert (answer.reason, answer.too_large, answer.again) == ("too_large", True, False)


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_nobody_there_is_worth_another_try(protocol: str) -> None:
    answer = send(f"http://127.0.0.1:{closed_port()}", protocol)
    assert (answer.reason, answer.again) == ("unreachable", True)


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_a_collector_that_says_nothing_is_left_in_time(protocol: str) -> None:
    collector = otlp_over_http if protocol == HTTP else otlp_over_grpc
    with collector() as receiver:
        receiver.held.clear()
        answer = send(receiver.endpoint, protocol, timeout=0.1)
    assert (answer.reason, answer.again) == ("timeout", True)


def test_what_speaks_no_http_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = send(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert (said.reason, said.again) == ("unreachable", True)


def test_tls_trusts_the_certificates_that_were_given_and_no_others(tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(trusted))
    with otlp_over_http(tls=server_context("localhost")) as receiver:
        assert send(receiver.endpoint, certificate=str(trusted)).taken
        refused = send(receiver.endpoint)
    assert (refused.reason, refused.again) == ("unreachable", True)
    assert "SSL" in refused.detail


def test_a_client_shows_its_certificate(tmp_path: Path) -> None:
    trusted, shown = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority().cert_pem.write_to_path(str(trusted))
    authority().issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(str(shown))
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(asking)  # pyright: ignore[reportUnknownMemberType]  # also takes pyOpenSSL's, which is not installed
    authority().configure_trust(asking)  # pyright: ignore[reportUnknownMemberType]  # same
    asking.verify_mode = ssl.CERT_REQUIRED
    with otlp_over_http(tls=asking) as receiver:
        assert send(receiver.endpoint, certificate=str(trusted), client_certificate=str(shown)).taken
        assert not send(receiver.endpoint, certificate=str(trusted)).taken
    assert isinstance(authority(), trustme.CA)


def test_a_certificate_that_is_not_there_is_an_error_at_the_start() -> None:
    with pytest.raises(OSError, match=r"no-such-file|No such file"):
        send("https://127.0.0.1:1", certificate="no-such-file.pem")
    with pytest.raises(OSError, match="no-such-file"):
        send("https://127.0.0.1:1", GRPC, certificate="no-such-file.pem")


def test_an_answer_never_repeats_what_could_be_a_secret() -> None:
    receiver = Receiver()
    with otlp_over_http(receiver=receiver):
        receiver.replies.append(Reply(401, b"no such key: secret", (("X-Secret", "secret"),)))
        answer = send(f"{receiver.endpoint}?key=secret", headers={"authorization": "secret"})
    assert not answer.taken
    assert "secret" not in repr(answer)


@given(st.binary())
def test_any_answer_is_read(body: bytes) -> None:
    assert rejected_items(body) >= 0
