"""mitmproxy's flow files, written by hand as mitmproxy 12 writes them."""

from __future__ import annotations

from typing import Any


def tnetstring(value: Any) -> bytes:
    """A value as a tagged netstring."""
    match value:
        case None:
            data, kind = b"", b"~"
        case bool():
            data, kind = str(value).lower().encode(), b"!"
        case int():
            data, kind = str(value).encode(), b"#"
        case float():
            data, kind = repr(value).encode(), b"^"
        case bytes():
            data, kind = value, b","
        case str():
            data, kind = value.encode(), b";"
        case dict():
            data, kind = b"".join(tnetstring(key) + tnetstring(one) for key, one in value.items()), b"}"  # pyright: ignore[reportUnknownVariableType]
        case _:
            data, kind = b"".join(tnetstring(one) for one in value), b"]"
    return b"%d:%b%b" % (len(data), data, kind)


def flow(**changes: Any) -> dict[str, Any]:
    """An HTTP flow, with the members that mitmproxy 12.2 writes."""
    request = {
        "path": b"/v1/messages?beta=true",
        "authority": b"",
        "scheme": b"https",
        "method": b"POST",
        "port": 443,
        "host": "api.anthropic.com",
        "timestamp_end": 1_790_000_001.5,
        "timestamp_start": 1_790_000_001.25,
        "trailers": None,
        "content": b'{"model":"m"}',
        "headers": [[b"content-type", b"application/json"], [b"Content-Length", b"13"]],
        "http_version": b"HTTP/1.1",
    }
    response = {
        "reason": b"OK",
        "status_code": 200,
        "timestamp_end": 1_790_000_004.5,
        "timestamp_start": 1_790_000_002.5,
        "trailers": None,
        "content": b'{"type":"message"}',
        "headers": [[b"content-type", b"application/json"]],
        "http_version": b"HTTP/1.1",
    }
    whole: dict[str, Any] = {
        "websocket": None,
        "response": response | changes.pop("response", {}),
        "request": request | changes.pop("request", {}),
        "error": None,
        "version": 21,
        "type": "http",
        "id": "1",
        "backup": None,
    }
    return whole | changes
