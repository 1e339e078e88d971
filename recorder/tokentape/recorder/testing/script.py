"""A reply as a client in this process gets it: the parts of its body in order, and how it ends.

What a client would see of a connection (one that hangs up, or breaks inside the body) is said as an
ending, for the wrappers of the HTTP libraries to raise as their own errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.heads import PHRASES
from tokentape.recorder.wire.reply import Client, to_answer

if TYPE_CHECKING:
    from tokentape.recorder.wire.reply import Reply


class Step(msgspec.Struct, frozen=True):
    """A part of the body."""

    wait: float
    """Seconds since the part before it, or since the head."""
    data: bytes


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A reply, played without a socket."""

    answered: bool
    """Whether a head comes at all."""
    wait: float
    """Seconds before the head."""
    status: int
    reason: str
    headers: list[tuple[str, str]]
    steps: list[Step]
    ending: Ending
    """`KEEP` where it is complete, else how it breaks off."""
    ping_seconds: float = 0.0
    """Between the pings of a stream that hangs; 0: silence."""


def script_of(reply: Reply) -> Script:
    """A reply as a script."""
    parts = [*reply.body.data, *([reply.body.part] if reply.body.part else [])]
    length = sum(map(len, parts))
    room = _room(reply, length)
    ending = reply.body.ending
    if room < length and ending == Ending.KEEP:
        ending = Ending.CUT
    headers = list(reply.headers)
    if not reply.streamed:
        headers.append(("content-length", str(max(0, length + reply.length_off))))
    if reply.length_off > 0:
        ending = Ending.CUT
    return Script(
        answered=reply.most is None or room >= 0,
        wait=reply.head_due,
        status=reply.status,
        reason=reply.reason or PHRASES.get(reply.status, ""),
        headers=headers,
        steps=_steps(reply, parts, room),
        ending=ending,
        ping_seconds=reply.ping_seconds,
    )


def _room(reply: Reply, length: int) -> int:
    """Bytes of the body that a client can read; less than 0 where the head is cut."""
    room = length + min(0, reply.length_off)
    if reply.most is None:
        return room
    head = len(to_answer(msgspec.structs.replace(reply, most=None), Client()).pieces[0])
    return min(room, reply.most - head)


def _steps(reply: Reply, parts: list[bytes], room: int) -> list[Step]:
    steps: list[Step] = []
    clock = reply.head_due
    due = [*reply.body.due, *([reply.body.due[-1]] if reply.body.due else [])]
    for number, part in enumerate(parts):
        at = due[min(number, len(due) - 1)] if due else clock
        if room > 0 and part:
            steps.append(Step(max(0.0, at - clock), part[:room]))
        clock = max(clock, at)
        room -= len(part)
    return steps
