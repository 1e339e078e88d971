"""Which bytes of a head change on their way through, and only those. Pure.

Hop-by-hop headers go (RFC 9110, section 7.6.1), `Host` becomes the upstream's, and our own label
segment and label header are taken off. Everything else keeps its spelling, order and value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokentape.proxy.http1.heads import RequestHead, ResponseHead

LABEL_HEADER: Final = b"x-tokentape-labels"

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
# Listed in Connection or not, these frame the message or reach the next server.
_NEVER_DROPPED: Final = _FRAMING | {b"trailer", b"host"}
_ORDINARY: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"te"})


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
    raw = head.raw
    # A proxy speaks its own version, whatever the client speaks (RFC 9110, section 2.5).
    out = [head.method, b" ", target, b" HTTP/1.1"]
    position = raw.find(b"\r\n")
    hosted = False
    for start, end, name, _ in head.noted:
        if name in _FRAMING:
            continue
        out.append(raw[position:start])
        position = end
        if name == b"host":
            out.append(raw[start : start + 6] + b": " + host)
            hosted = True
    if not hosted:
        out.append(b"\r\nHost: " + host)
    out.append(raw[position:])
    forwarded = b"".join(out)
    if head.connection and not head.connection <= _ORDINARY:
        forwarded = _without(forwarded, head.connection - _NEVER_DROPPED)
    if LABEL_HEADER not in raw.lower():
        return forwarded, b""
    labels = b",".join(value for name, value in head.headers if name.lower() == LABEL_HEADER)
    return _without(forwarded, {LABEL_HEADER}), labels


def response_head(head: ResponseHead, *, close: bool, plain: bool) -> bytes:
    """The head for the client.

    Args:
        head: the upstream's.
        close: the client's connection ends with this reply.
        plain: the client speaks HTTP/1.0, so chunked framing is taken off.
    """
    raw = head.raw
    dropped = {name for _, _, name, _ in head.noted} - _FRAMING
    if plain:
        dropped |= {b"transfer-encoding", b"trailer"}
    dropped |= head.connection - _ORDINARY - _NEVER_DROPPED
    if dropped:
        raw = _without(raw, dropped)
    if not head.modern:
        raw = b"HTTP/1.1" + raw[8:]
    return raw[:-2] + b"Connection: close\r\n\r\n" if close else raw


def _without(raw: bytes, names: set[bytes] | frozenset[bytes]) -> bytes:
    """A head without the headers of these lower-case names."""
    lines = raw.split(b"\r\n")
    kept = [line for line in lines[1:-2] if line.partition(b":")[0].lower() not in names]
    return b"\r\n".join((lines[0], *kept, b"", b""))
