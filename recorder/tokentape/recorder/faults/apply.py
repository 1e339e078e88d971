"""Puts a fault on a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.recorder.faults import content, streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.wire.reply import Reply

_STRIKES: Final[dict[str, Callable[[Reply, Fault], Reply]]] = {
    "slow_headers": streams.slow_headers,
    "slow_first_event": streams.slow_first_event,
    "stall": streams.stall,
    "error_event": streams.error_event,
    "cut": streams.cut,
    "hang_up": streams.hang_up,
    "refused": streams.hang_up,
    "no_message_stop": streams.no_message_stop,
    "malformed": streams.malformed,
    "wrong_length": streams.wrong_length,
    "truncated": content.ended_early,
    "context_window_exceeded": content.ended_early,
    "refusal": content.ended_early,
}


def struck(reply: Reply, fault: Fault) -> Reply:
    """A reply on its way, with what a fault does to it.

    The reply itself is left as it is. A fault that answers instead of the API changes nothing here
    (see `replies.instead`), nor does one that cannot strike such a reply.
    """
    strike = _STRIKES.get(fault.name)
    return reply if strike is None else strike(reply, fault)
