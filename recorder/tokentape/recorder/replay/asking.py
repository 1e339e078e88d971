"""A request as it came, and as it is looked up: decoded, scrubbed, under the API's own address."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.relay.forwarding import LABEL_HEADER
from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.replay.addressing import Address, addressed
from tokentape.recorder.scrubbing.scrub import scrub_request
from tokentape.recorder.wire.coding import decoded
from tokentape.recorder.wire.reply import Client

if TYPE_CHECKING:
    from tokentape.recorder.scrubbing.policy import Policy

API: Final = "https://api.anthropic.com"
"""What the targets of requests are put under; matching does not look at the host."""

_NOT_KEPT: Final = frozenset(
    {LABEL_HEADER, b"host", b"connection", b"content-length", b"content-encoding", b"transfer-encoding"}
)


class Asked(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A whole request, as it came."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    modern: bool = True
    keep_alive: bool = True

    @cached_property
    def address(self) -> Address:
        """What it names."""
        return addressed(self.target, self.headers)

    @property
    def client(self) -> Client:
        """What the framing of its reply depends on."""
        return Client(method=self.method, modern=self.modern, keep_alive=self.keep_alive)

    def header(self, name: bytes) -> bytes:
        """The first value of a header, or nothing; `name` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), b"")

    @property
    def base(self) -> bytes:
        """The base_url that leads to the same place, as far as it can be known; or nothing."""
        host, target = self.header(b"host"), self.address.target
        segment = self.target.removesuffix(target) if target and self.target.endswith(target) else b""
        return b"http://" + host + segment if host else b""

    def request(self, policy: Policy) -> Request:
        """The request that is looked up.

        Raises:
            ApiError: its body cannot be decoded.
        """
        return scrub_request(
            Request(
                method=self.method.decode("latin-1"),
                uri=API + self.address.target.decode("latin-1"),
                headers=tuple(
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in self.headers
                    if name.lower() not in _NOT_KEPT
                ),
                body=decoded(self.body, self.header(b"content-encoding")),
            ),
            policy,
        )
