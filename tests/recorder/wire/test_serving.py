"""Servers in threads: a port that cannot be had is the caller's exception, and nothing is left behind."""

from __future__ import annotations

import socket
import threading

import pytest
from tests.recorder.replay.plain import desk

from tokentape.recorder.replay.server import ReplayServer
from tokentape.recorder.wire.serving import in_thread


def test_a_port_in_use_is_told_to_whoever_asked_for_it() -> None:
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ReplayServer(desk(a=[]), port=taken.getsockname()[1])
        with pytest.raises(OSError, match=r"[Aa]ddress already in use"), in_thread(server, "replay"):
            pass

    assert threading.active_count() == before


def test_a_socket_that_listens_already_is_served() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with (
        in_thread(ReplayServer(desk(a=[]), listener=listener), "replay"),
        socket.create_connection(listener.getsockname()) as client,
        client.makefile("rb") as reply,
    ):
        client.sendall(b"GET /.tokentape/healthz HTTP/1.0\r\n\r\n")
        assert reply.read().endswith(b'{"status":"ok"}')
