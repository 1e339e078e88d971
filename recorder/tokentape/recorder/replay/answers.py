"""A recorded response as a Reply: the same bytes every time, in the recording's own time or at once.

Of the recorded head, everything is said again but what belongs to one connection: the framing is
decided anew, and bodies are sent uncompressed, as cassettes keep them. No clock is asked, so `date` and
the rate limits' resets are those of the day of recording.

A stream is sent event by event, each a chunk of its own. Where the recording knows its times and a
speed is asked for, what came in several pieces is sent in them, too.
"""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from tokentape.recorder.cassette.interaction import Ending as Recorded
from tokentape.recorder.wire.answer import Answer, Ending
from tokentape.recorder.wire.body import Body
from tokentape.recorder.wire.reply import Client, Reply, to_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.recorder.cassette.interaction import Headers, Response, Timing

LEAVING_SECONDS: Final = 5.0
"""How long a client that left while it was recorded may take to leave again; then its connection is cut."""

_CONNECTION: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
        *("content-encoding", "content-length", "transfer-encoding"),
    }
)
"""Headers of one connection (RFC 9110, section 7.6.1), and of a body's framing and coding."""
_EVENT_END: Final = re.compile(rb"\r?\n\r?\n|\r\r")
_UNFIT: Final = re.compile(r"[\r\n\0]")
_DEFAULT: Final = Client()


def answer_for(response: Response, *, speed: float = 0.0, client: Client = _DEFAULT) -> Answer:
    """A recorded response as it goes on the wire; arguments as in `reply_for`."""
    return to_answer(reply_for(response, speed=speed), client)


def reply_for(response: Response, *, speed: float = 0.0) -> Reply:
    """A recorded response, to be said again.

    Args:
        response: the recording.
        speed: 1 as recorded, 2 twice as fast; 0 at once.
    """
    timing = response.timing if speed else None
    cut = response.ending != Recorded.COMPLETE
    places = _event_ends(response.body) if response.streamed else {len(response.body)}
    if timing is not None:
        places |= {place for place, _ in _arrivals(timing, len(response.body))}
    body = _parts(response.body, places)
    if timing is not None:
        body.due = _times(body.data, timing, speed)
    body.ending = Ending.CUT if cut else Ending.KEEP
    return Reply(
        status=response.status,
        reason=_UNFIT.sub(" ", response.reason),
        headers=list(_kept(response.headers)),
        body=body,
        # A body that was cut has no length that anybody knows: in chunks, its end is seen to be missing.
        streamed=response.streamed or cut,
        head_due=max(0.0, timing.headers) / speed if timing else 0.0,
        end_due=_end(response, speed) if cut else 0.0,
    )


def _kept(headers: Headers) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        if name.lower() not in _CONNECTION:
            yield _UNFIT.sub(" ", name), _UNFIT.sub(" ", value)


def _event_ends(body: bytes) -> set[int]:
    """Where the events of a stream end; the last one may lack its end."""
    return {match.end() for match in _EVENT_END.finditer(body)} | {len(body)}


def _parts(body: bytes, places: set[int]) -> Body:
    ends = sorted(place for place in places if 0 < place <= len(body))
    return Body(data=[body[start:end] for start, end in pairwise([0, *ends])], due=[])


def _arrivals(timing: Timing, size: int) -> list[tuple[int, float]]:
    """Up to which byte had come what came then; never beyond the body, never back in time."""
    ends = accumulate(max(0, arrival.size) for arrival in timing.arrivals)
    times = accumulate((max(0.0, arrival.at) for arrival in timing.arrivals), max)
    return [(min(end, size), time) for end, time in zip(ends, times, strict=True)]


def _times(parts: list[bytes], timing: Timing, speed: float) -> list[float]:
    """When each part is due. A body that was edited is longer than what came: its rest comes at the end."""
    arrivals = _arrivals(timing, sum(map(len, parts)))
    due: list[float] = []
    time, coming = timing.headers, iter(arrivals)
    arrived = 0
    for end in accumulate(map(len, parts)):
        while arrived < end and (arrival := next(coming, None)) is not None:
            arrived, time = arrival[0], max(time, arrival[1])
        due.append(max(0.0, time) / speed)
    return due


def _end(response: Response, speed: float) -> float:
    """When the connection is cut."""
    timing = response.timing
    ended = max(0.0, timing.ended) / speed if timing and speed else 0.0
    if response.ending != Recorded.CLIENT_ABORT:
        return ended
    # The client is waited for: whoever leaves by a timer of its own needs the same time at any speed.
    waited = timing.ended - max((arrival.at for arrival in timing.arrivals), default=0.0) if timing else 0.0
    return ended + max(0.0, waited) + LEAVING_SECONDS
