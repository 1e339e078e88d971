"""What the stand-in's pace and faults make of an answer, and what it adds to the totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tokentape.recorder.faults.apply import struck
from tokentape.recorder.faults.catalogue import DECLARED
from tokentape.recorder.faults.message import usage_of
from tokentape.recorder.wire import answer as wire
from tokentape.recorder.wire.answer import GROUP, Ending, cut_at, grouped
from tokentape.recorder.wire.body import PING, Body, frame
from tokentape.recorder.wire.coding import encoded

if TYPE_CHECKING:
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.render import Events
    from tokentape.recorder.standin.totals import Tally
    from tokentape.recorder.wire.reply import Reply

_ON_THE_WIRE: Final = frozenset({"cut", "stall", "wrong_length"})
"""Faults that strike a whole body as it is encoded; the others strike what it says."""
_PING: Final = b"%x\r\n%b\r\n" % (len(PING), PING)


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


def faulty(reply: Reply, fault: Fault | None, behaviour: Behaviour) -> Reply:
    """The reply with what strikes it."""
    if fault is None:
        return reply
    if fault.name == "stall" and fault.get("every") is None:
        fault = replace(fault, values=(*fault.values, ("every", behaviour.ping_seconds)))
    return struck(reply, fault)


def coded(reply: Reply, fault: Fault | None, coding: str, behaviour: Behaviour) -> Reply:
    """A whole body under a content coding, and with what strikes it."""
    late = fault is not None and fault.name in _ON_THE_WIRE
    if not late:
        reply = faulty(reply, fault, behaviour)
    if coding:
        data = [encoded(b"".join(reply.body.data), coding)]
        reply = replace(reply, body=replace(reply.body, data=data))
    return faulty(reply, fault, behaviour) if late else reply


def counted(tally: Tally, reply: Reply, fault: Fault | None) -> Tally:
    """What a reply adds to the totals where a fault changed what it says."""
    if fault is None or tally.usage is None or not DECLARED[fault.name].messages_only:
        return tally
    output = usage_of(reply).output
    thought = min(tally.usage.thinking_tokens, output)
    return replace(tally, usage=replace(tally.usage, output_tokens=output, thinking_tokens=thought))


def stream_answer(head: bytes, reply: Reply, coding: str, behaviour: Behaviour, tally: Tally) -> Answer:
    """A stream as it goes on the wire."""
    body = reply.body
    pieces = [head, *frame(body, coding, chunked=reply.streamed)]
    due = _due(reply, len(pieces))
    answer = Answer(
        pieces=pieces if behaviour.separate or due else grouped(pieces),
        due=due,
        separate=behaviour.separate,
        ending=body.ending,
        # A ping cannot be repeated inside a compressed body.
        ping=_PING if reply.streamed and not coding and reply.ping_seconds else b"",
        ping_seconds=reply.ping_seconds,
        tally=tally,
    )
    return _ended(answer, reply)


def whole_answer(head: bytes, reply: Reply, tally: Tally) -> Answer:
    """A reply that is no stream as it goes on the wire."""
    data = reply.body.data
    if len(data) == 1 and len(data[0]) > GROUP:
        data = grouped(data)
    pieces = [head, *data]
    answer = Answer(pieces=pieces, due=_due(reply, len(pieces)), ending=reply.body.ending, tally=tally)
    return _ended(answer, reply)


def _due(reply: Reply, count: int) -> list[float]:
    """A time for each piece; what has none of its own comes with the one before it."""
    if not (reply.head_due or reply.body.due):
        return []
    due = [reply.head_due, *reply.body.due][:count]
    return due + due[-1:] * (count - len(due))


def _ended(answer: Answer, reply: Reply) -> Answer:
    if reply.length_off and answer.ending == Ending.KEEP:
        answer.ending = Ending.CUT
    if reply.most is not None:
        cut_at(answer, reply.most)
    return answer
