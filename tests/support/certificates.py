"""Certificates of a private authority, for servers of tests."""

from __future__ import annotations

import functools
import ssl

import trustme


@functools.cache
def authority() -> trustme.CA:
    """One for the whole run: making keys takes time."""
    return trustme.CA()


@functools.cache
def server_context(*names: str) -> ssl.SSLContext:
    """A server with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority().issue_cert(*names).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]  # also takes pyOpenSSL's, which is not installed
    return context
