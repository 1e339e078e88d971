"""What happens to a reply on its way: it comes late, stalls, breaks, or is broken off.

Events are counted as they are sent, pings included. A fault that is to strike behind the last event
strikes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tokentape.recorder.faults.message import is_stream, whole_events
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import PING, Body
from tokentape.recorder.wire.errors import STATUSES, ApiError

if TYPE_CHECKING:
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.wire.reply import Reply

_PINGS: Final = 10.0
"""Seconds between two pings."""
_LATE: Final = 5.0
"""Seconds."""


# Late.


def slow_headers(reply: Reply, fault: Fault) -> Reply:
    """All of it comes later."""
    seconds = fault.number("seconds", _LATE)
    body = replace(reply.body, due=[time + seconds for time in reply.body.due])
    end_due = reply.end_due and reply.end_due + seconds
    return replace(reply, body=body, head_due=reply.head_due + seconds, end_due=end_due)


def slow_first_event(reply: Reply, fault: Fault) -> Reply:
    """All but the head comes later."""
    if not is_stream(reply):
        return reply
    seconds = fault.number("seconds", _LATE)
    due = [time + seconds for time in _times(reply)]
    return replace(
        reply, body=replace(reply.body, due=due), end_due=reply.end_due and reply.end_due + seconds
    )


def _times(reply: Reply) -> list[float]:
    """When each part is due, said for each of them."""
    return reply.body.due or [reply.head_due] * len(reply.body.data)


def stall(reply: Reply, fault: Fault) -> Reply:
    """It stays away, for ever or for some seconds."""
    seconds = fault.get("seconds")
    every = fault.number("every", _PINGS)
    if not is_stream(reply):
        return _stalled_whole(reply, None if seconds is None else float(seconds))
    reply = replace(reply, body=whole_events(reply.body))
    place = _place(reply, fault)
    if seconds is None:
        shorter = shortened(reply, place)
        return replace(shorter, body=replace(shorter.body, ending=Ending.HANG), ping_seconds=every)
    data, due = reply.body.data, _times(reply)
    since = due[place - 1] if place else reply.head_due
    count = int(float(seconds) / every) if every else 0
    body = replace(
        reply.body,
        data=[*data[:place], *([PING] * count), *data[place:]],
        due=[
            *due[:place],
            *(since + every * number for number in range(1, count + 1)),
            *(time + float(seconds) for time in due[place:]),
        ],
    )
    return replace(reply, body=body)


def _stalled_whole(reply: Reply, seconds: float | None) -> Reply:
    data, due = _halves(reply), reply.body.due[-1:] or [reply.head_due]
    if seconds is None:
        return _first_half(reply, Ending.HANG)
    return replace(reply, body=replace(reply.body, data=data, due=[*due, due[0] + seconds]))


def _halves(reply: Reply) -> list[bytes]:
    data = b"".join(reply.body.data)
    return [data[: len(data) // 2], data[len(data) // 2 :]]


def _first_half(reply: Reply, ending: Ending) -> Reply:
    """Half of a body, under the length of all of it."""
    first, rest = _halves(reply)
    body = Body(data=[first], due=reply.body.due[-1:], ending=ending)
    return replace(reply, body=body, length_off=reply.length_off + len(rest))


# Broken.


def shortened(reply: Reply, count: int, more: list[bytes] | None = None) -> Reply:
    """So many events, and some more of them in place of the rest, due at once; properly ended."""
    more, body = more or [], reply.body
    times = _times(reply)
    last = times[min(count, len(times) - 1)] if times else reply.head_due
    due = [*body.due[:count], *([last] * len(more))] if body.due else []
    return replace(reply, body=Body(data=[*body.data[:count], *more], due=due, error=body.error), end_due=0.0)


def _place(reply: Reply, fault: Fault) -> int:
    return min(fault.count("after", 1), len(reply.body.data))


def error_event(reply: Reply, fault: Fault) -> Reply:
    """An `error` event ends the stream properly."""
    if not is_stream(reply):
        return reply
    reply = replace(reply, body=whole_events(reply.body))
    kind = fault.text("type", "overloaded_error")
    request_id = next((value for name, value in reply.headers if name.lower() == "request-id"), "")
    data = ApiError(STATUSES[kind], error_type=kind).body(request_id)
    broken = shortened(reply, _place(reply, fault), [b"event: error\ndata: " + data + b"\n\n"])
    return replace(broken, body=replace(broken.body, error=kind))


def cut(reply: Reply, fault: Fault) -> Reply:
    """The connection ends inside the reply."""
    ending = Ending.RESET if fault.count("reset", 0) else Ending.CUT
    if fault.get("byte") is not None:
        return replace(reply, body=replace(reply.body, ending=ending), most=fault.count("byte", 0))
    if not is_stream(reply):
        return _first_half(reply, ending)
    reply = replace(reply, body=whole_events(reply.body))
    place = _place(reply, fault)
    part = b"".join(reply.body.data[place : place + 1])
    part = part[: len(part) // 2] if fault.count("inside", 0) else b""
    shorter = shortened(reply, place)
    return replace(shorter, body=replace(shorter.body, ending=ending, part=part))


def hang_up(reply: Reply, fault: Fault) -> Reply:
    """Nothing comes; a connection that is refused is always reset."""
    reset = fault.name == "refused" or fault.count("reset", 0)
    body = Body(data=[], due=[], ending=Ending.RESET if reset else Ending.CUT)
    return replace(reply, body=body, most=0, end_due=0.0)


def no_message_stop(reply: Reply, fault: Fault) -> Reply:
    """The last event is missing, and nothing else."""
    del fault
    if not is_stream(reply):
        return reply
    reply = replace(reply, body=whole_events(reply.body))
    places = [place for place, event in enumerate(reply.body.data) if b"message_stop" in event[:64]]
    return shortened(reply, places[-1]) if places else reply


def malformed(reply: Reply, fault: Fault) -> Reply:
    """JSON that cannot be read."""
    if not is_stream(reply):
        half = Body(data=_halves(reply)[:1], due=reply.body.due[-1:], ending=reply.body.ending)
        return replace(reply, body=half)
    reply = replace(reply, body=whole_events(reply.body))
    data = list(reply.body.data)
    # Nobody reads the data of a ping.
    places = [place for place, event in enumerate(data) if b"ping" not in event[:64]]
    place = next(
        (place for place in places if place >= fault.count("after", 1)), places[-1] if places else None
    )
    if place is not None:
        data[place] = _without_second_quote(data[place])
    return replace(reply, body=replace(reply.body, data=data))


def _without_second_quote(event: bytes) -> bytes:
    """`{"type": ...` becomes `{"type: ...`."""
    head, mark, data = event.partition(b"data:")
    first, opened, rest = data.partition(b'"')
    return head + mark + first + opened + rest.replace(b'"', b"", 1)


def wrong_length(reply: Reply, fault: Fault) -> Reply:
    """A content-length that the body does not have."""
    return replace(reply, streamed=False, length_off=fault.count("by", 10))
