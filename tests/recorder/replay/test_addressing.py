"""Addresses: which cassette and session a request names, by path or by header."""

from __future__ import annotations

import pytest

from tokentape.recorder.replay.addressing import addressed


@pytest.mark.parametrize(
    ("target", "labels", "address"),
    [
        (b"/v1/messages", None, ("", "", b"/v1/messages")),
        (b"/@cassette=a,session=7/v1/messages?x=1", None, ("a", "7", b"/v1/messages?x=1")),
        (b"/@session=7/v1/messages", b"cassette=a,session=8", ("a", "7", b"/v1/messages")),
        (b"/v1/messages", b"cassette=a%2Fb%20c", ("a/b c", "", b"/v1/messages")),
        (b"/@cassette=mod%2Ftest%5B1%5D/v1/models", None, ("mod/test[1]", "", b"/v1/models")),
        (b"/@project=x/@cassette=a/v1/models", None, ("", "", b"/@cassette=a/v1/models")),
        (b"/@cassette=a", None, ("a", "", b"/")),
        (b"/@cassette=a%0Ab,session=" + b"x" * 500 + b"/v1", None, ("", "x" * 128, b"/v1")),
        (b"/@cassette=" + b"y" * 500 + b"/v1", None, ("y" * 500, "", b"/v1")),
    ],
)
def test_an_address_is_read(target: bytes, labels: bytes | None, address: tuple[str, str, bytes]) -> None:
    headers = [(b"X-Tokentape-Labels", labels)] if labels else []

    assert addressed(target, headers) == address
