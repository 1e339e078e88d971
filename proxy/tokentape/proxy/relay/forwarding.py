"""Which bytes of a head change on their way through, and only those. Pure.

Hop-by-hop headers go (RFC 9110, section 7.6.1), `Host` becomes the upstream's, and our own label
segment and label header are taken off. Everything else keeps its spelling, order and value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokentape.proxy.http1.heads import Headers, RequestHead, ResponseHead

LABEL_HEADER: Final = b"x-tokentape-labels"

_REQUEST_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"upgrade"}
)
_REPLACED: Final = _REQUEST_HOP | {b"host", LABEL_HEADER}
_REPLACED_SIZES: Final = frozenset(map(len, _REPLACED))
_RESPONSE_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"upgrade"}
)
_RESPONSE_HOP_SIZES: Final = frozenset(map(len, _RESPONSE_HOP))
# Named in Connection or not, these frame the message or reach the next server.
_NEVER_DROPPED: Final = frozenset({b"transfer-encoding", b"content-length", b"trailer", b"host"})


def take_label_segment(target: bytes) -> tuple[bytes, bytes]:
    """Split `/@project=x,team=y/v1/messages` into its label text and the target behind it."""
    if not target.startswith(b"/@"):
        return b"", target
    end = target.find(b"/", 2)
    query = target.find(b"?", 2)
    if end < 0 or -1 < query < end:
        end = query if query >= 0 else len(target)
        return target[2:end], b"/" + target[end:]
    return target[2:end], target[end:]


def request_head(head: RequestHead, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """The head for the upstream, and the value of the label header (empty where there is none)."""
    # A proxy speaks its own version, whatever the client speaks (RFC 9110, section 2.5).
    out = [head.method, b" ", target, b" HTTP/1.1\r\n"]
    listed = head.connection
    labels = b""
    hosted = False
    for name, value in head.headers:
        if len(name) in _REPLACED_SIZES or listed:
            key = name.lower()
            if key == b"host":
                value = host  # noqa: PLW2901 - that is the replacement
                hosted = True
            elif key == LABEL_HEADER:
                labels = labels + b"," + value if labels else value
                continue
            elif key in _REQUEST_HOP or (key in listed and key not in _NEVER_DROPPED):
                continue
        out += (name, b": ", value, b"\r\n")
    if not hosted:
        out += (b"Host: ", host, b"\r\n")
    out.append(b"\r\n")
    return b"".join(out), labels


def response_head(head: ResponseHead, *, close: bool, plain: bool) -> bytes:
    """The head for the client.

    Args:
        head: the upstream's.
        close: the client's connection ends with this reply.
        plain: the client speaks HTTP/1.0, so chunked framing is taken off.
    """
    listed = head.connection
    if not close and not plain and head.modern and not listed and not _has_hop(head.headers):
        return head.raw
    out = [_status_line(head.raw)]
    for name, value in head.headers:
        key = name.lower()
        if key in _RESPONSE_HOP or (key in listed and key not in _NEVER_DROPPED):
            continue
        if plain and key in {b"transfer-encoding", b"trailer"}:
            continue
        out += (name, b": ", value, b"\r\n")
    out.append(b"Connection: close\r\n\r\n" if close else b"\r\n")
    return b"".join(out)


def _has_hop(headers: Headers) -> bool:
    return any(len(name) in _RESPONSE_HOP_SIZES and name.lower() in _RESPONSE_HOP for name, _ in headers)


def _status_line(raw: bytes) -> bytes:
    line = raw[: raw.find(b"\r\n") + 2]
    return line if line.startswith(b"HTTP/1.1") else b"HTTP/1.1" + line[8:]
