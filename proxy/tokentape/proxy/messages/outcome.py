"""How a call ended, judged by how its bytes ended and by what the API said."""

from __future__ import annotations

from typing import Final, NamedTuple

from tokentape.proxy.frames import Ending
from tokentape.proxy.messages.call import CallError, Outcome
from tokentape.proxy.messages.errors import slug

_BY_ENDING: Final = {
    Ending.CLIENT_ABORT: Outcome.CLIENT_ABORT,
    Ending.UPSTREAM_ABORT: Outcome.UPSTREAM_ABORT,
    Ending.TIMEOUT: Outcome.TIMEOUT,
    Ending.PROXY_ERROR: Outcome.PROXY_ERROR,
}


class Evidence(NamedTuple):
    """What is known of an exchange at its end."""

    ending: Ending
    proxy_status: int = 0
    """Status of the proxy's own answer, 0 where it gave none."""
    status: int | None = None
    """Status of the upstream's answer."""
    error: CallError | None = None
    """The error that the API named, in a body or in a stream."""
    event_stream: bool = False
    message_stream: bool = False
    """The event stream is one message, which has a known last event."""
    cut_off: bool = False
    """The reply is JSON that has no end."""
    complete: bool = False
    """The last event of the message was seen."""
    blind: bool = False
    """Parts of the reply could not be seen, so that nothing follows from what is missing."""


def judge(known: Evidence) -> Outcome:
    """The outcome of a call.

    Clients hang up as soon as they have the last event, so a complete message is complete however
    its connection ended. A message stream that merely stops, or JSON without its end, was cut off by
    the upstream, even where the end of the connection was a proper end of the body. Other event
    streams are open-ended: that the client leaves is their normal end.
    """
    if known.proxy_status:
        return _BY_ENDING.get(known.ending, Outcome.PROXY_ERROR)
    if known.status is not None and known.status >= 400:
        return Outcome.API_ERROR
    if known.error is not None:
        return Outcome.STREAM_ERROR if known.event_stream else Outcome.API_ERROR
    if _ended_well(known):
        return Outcome.OK
    return _BY_ENDING.get(known.ending, Outcome.UPSTREAM_ABORT)


def _ended_well(known: Evidence) -> bool:
    ended = known.ending is Ending.COMPLETE
    if known.message_stream:
        return known.complete or (ended and known.blind)
    if known.event_stream:
        return ended or known.ending is Ending.CLIENT_ABORT
    return ended and not known.cut_off and (known.status is not None or known.blind)


def explain(outcome: Outcome, named: CallError | None, reason: str) -> CallError | None:
    """The error of a call: what the API named, else the proxy's reason where that is an error code.

    A client that left is no error, and of an upstream that just stopped there is no more to say than
    the outcome.
    """
    if outcome is Outcome.OK or outcome is Outcome.CLIENT_ABORT:
        return None
    if named is not None and (outcome is Outcome.API_ERROR or outcome is Outcome.STREAM_ERROR):
        return named
    code = slug(reason)
    return CallError(type=code) if code else None
