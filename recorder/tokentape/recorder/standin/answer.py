"""The Answer: what goes on the wire, when, and how it ends. Framing, coding and faults are decided here."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.standin import coding
from tokentape.recorder.standin.errors import STATUSES, ApiError
from tokentape.recorder.standin.render import PING

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.faults import Fault
    from tokentape.recorder.standin.render import Events
    from tokentape.recorder.standin.totals import Tally

_END: Final = b"0\r\n\r\n"
"""The last chunk (RFC 9112, section 7.1)."""


GROUP: Final = 256 * 1024
"""Bytes of one write, where many are due at once."""


class Ending(enum.IntEnum):
    """What happens to the connection when all has been written."""

    KEEP = 0
    CLOSE = 1
    """Properly: the reply ends with the connection."""
    CUT = 2
    """Closed inside the reply, by a FIN."""
    RESET = 3
    """Closed inside the reply, by a RST."""
    HANG = 4
    """It stays open and nothing but pings comes."""


class Answer(msgspec.Struct, kw_only=True):
    """One reply. Times are seconds from the end of the request."""

    pieces: list[bytes]
    """The head, then the body as framed and encoded."""
    due: list[float] = []
    """When each piece is written; empty: all at once."""
    separate: bool = False
    """Each piece is a write of its own, in turn with other connections; else what is due is joined."""
    ending: Ending = Ending.KEEP
    ping: bytes = b""
    """Repeated every `ping_seconds` where the ending is `HANG`."""
    ping_seconds: float = 0.0
    tally: Tally

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(map(len, self.pieces))


class Body(msgspec.Struct, kw_only=True):
    """The parts of a stream on its way to the wire: each event, and when it is due."""

    data: list[bytes]
    due: list[float]
    ending: Ending = Ending.KEEP
    part: bytes = b""
    """The beginning of an event that is cut inside."""
    error: str = ""


def timed(events: Events, behaviour: Behaviour) -> Body:
    """The events with their times: none where all are due at once."""
    start, ttft, rate = behaviour.head_seconds, behaviour.ttft, behaviour.tokens_per_second
    if not (start or ttft or rate):
        return Body(data=events.data, due=[])
    first = next((place for place, tokens in enumerate(events.tokens) if tokens), None)
    if first is None:
        return Body(data=events.data, due=[start] * len(events.data))
    said = events.tokens[first]
    wait = max(start, ttft)
    pace = 1 / rate if rate else 0.0
    due = [start if tokens < said else wait + (tokens - said) * pace for tokens in events.tokens]
    body = Body(data=list(events.data), due=due)
    _ping_between(body, first, wait, behaviour)
    return body


def _ping_between(body: Body, first: int, wait: float, behaviour: Behaviour) -> None:
    """The pings that come while a stream waits for its first token."""
    every = behaviour.ping_seconds
    if not (behaviour.pings and every):
        return
    times = [
        behaviour.head_seconds + every * n for n in range(1, int((wait - behaviour.head_seconds) / every) + 1)
    ]
    body.data[first:first] = [PING] * len(times)
    body.due[first:first] = times


def with_fault(body: Body, fault: Fault, request_id: str, behaviour: Behaviour) -> Body:
    """The stream with what a fault does to its events; `cut` by bytes comes later, in `cut_at`."""
    after = min(fault.number("after", 1), len(body.data))
    if fault.name == "error_event":
        error = ApiError(STATUSES.get(fault.type, 500), error_type=fault.type)
        data = b"event: error\ndata: " + error.body(request_id) + b"\n\n"
        return _shortened(body, after, [data], error=fault.type)
    if fault.name == "no_message_stop":
        return _shortened(body, len(body.data) - 1, [])
    if fault.name == "malformed":
        place = min(after, len(body.data) - 1)
        broken = body.data[place].replace(b'{"type"', b'{"type', 1)
        return msgspec.structs.replace(body, data=[*body.data[:place], broken, *body.data[place + 1 :]])
    if fault.name == "stall":
        return _stalled(body, after, fault, behaviour)
    if fault.name == "cut" and "byte" not in fault.numbers:
        cut = _shortened(body, after, [])
        cut.ending = Ending.RESET if fault.number("reset", 0) else Ending.CUT
        if fault.number("inside", 0) and after < len(body.data):
            cut.part = body.data[after][: len(body.data[after]) // 2]
        return cut
    return body


def _shortened(body: Body, count: int, more: list[bytes], *, error: str = "") -> Body:
    due = body.due
    if due:
        last = due[min(count, len(due) - 1)]
        due = [*due[:count], *([last] * len(more))]
    return Body(data=[*body.data[:count], *more], due=due, error=error)


def _stalled(body: Body, after: int, fault: Fault, behaviour: Behaviour) -> Body:
    seconds = fault.numbers.get("seconds")
    if seconds is None:
        stalled = _shortened(body, after, [])
        stalled.ending = Ending.HANG
        return stalled
    due = body.due or [0.0] * len(body.data)
    since = due[min(after, len(due)) - 1] if after else 0.0
    every = behaviour.ping_seconds
    pings = [since + every * n for n in range(1, int(seconds / every) + 1)] if every else []
    return Body(
        data=[*body.data[:after], *([PING] * len(pings)), *body.data[after:]],
        due=[*due[:after], *pings, *(time + seconds for time in due[after:])],
    )


def frame(body: Body, name: str, *, chunked: bool) -> list[bytes]:
    """The pieces of a stream under a content coding, framed one by one; its end goes with the last."""
    data, last, part = body.data, b"", body.part
    if name:
        encoder = coding.encoder(name)
        data = [encoder.event(event) for event in data]
        part = encoder.event(part) if part else b""
        last = encoder.end()
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in data] if chunked else list(data)
    if body.ending != Ending.KEEP:
        if part:
            # The chunk says more than comes.
            _append(pieces, b"%x\r\n%b" % (2 * len(part), part) if chunked else part)
        return pieces
    tail = (b"%x\r\n%b\r\n" % (len(last), last) if last else b"") + _END if chunked else last
    if tail:
        _append(pieces, tail)
    return pieces


def _append(pieces: list[bytes], more: bytes) -> None:
    if pieces:
        pieces[-1] += more
    else:
        pieces.append(more)


def cut_at(answer: Answer, size: int) -> None:
    """Keep the first so many bytes of an answer."""
    kept: list[bytes] = []
    for piece in answer.pieces:
        if size <= 0:
            break
        kept.append(piece[:size])
        size -= len(piece)
    answer.pieces = kept
    answer.due = answer.due[: len(kept)]


def break_connection(answer: Answer, fault: Fault) -> None:
    """What `hang_up`, and `cut` by bytes, leave of an answer."""
    if fault.name == "hang_up":
        cut_at(answer, 0)
    elif fault.name == "cut" and "byte" in fault.numbers:
        cut_at(answer, fault.number("byte", 0))
    else:
        return
    answer.ending = Ending.RESET if fault.number("reset", 0) else Ending.CUT


def grouped(pieces: list[bytes]) -> list[bytes]:
    """Pieces joined to few, none of them much over `GROUP`."""
    groups: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= GROUP:
            groups += _cut(b"".join(waiting))
            waiting, size = [], 0
    if waiting:
        groups.append(b"".join(waiting))
    return groups


def _cut(data: bytes) -> list[bytes]:
    return [data[place : place + GROUP] for place in range(0, len(data), GROUP)]
