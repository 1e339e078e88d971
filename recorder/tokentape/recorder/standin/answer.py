"""What the stand-in's faults and pace make of an answer, and what it adds to the totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tokentape.recorder.wire import answer as wire
from tokentape.recorder.wire.answer import Ending, cut_at
from tokentape.recorder.wire.body import PING, Body
from tokentape.recorder.wire.errors import STATUSES, ApiError

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.faults import Fault
    from tokentape.recorder.standin.render import Events
    from tokentape.recorder.standin.totals import Tally


class Answer(wire.Answer, kw_only=True):
    """An answer of the stand-in."""

    tally: Tally


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


def break_connection(answer: Answer, fault: Fault) -> None:
    """What `hang_up`, and `cut` by bytes, leave of an answer."""
    if fault.name == "hang_up":
        cut_at(answer, 0)
    elif fault.name == "cut" and "byte" in fault.numbers:
        cut_at(answer, fault.number("byte", 0))
    else:
        return
    answer.ending = Ending.RESET if fault.number("reset", 0) else Ending.CUT
