"""Arrival times beside a body whose text may change: kept by event or by line, not by byte.

In a file a timing is `headers_ms`, then `gaps_ms`, one number for each event of a stream (the time since
the event before it, or since the headers), then `ended_ms` since the last of them. All are milliseconds,
rounded to 0.1. Other bodies mostly come at once, and have one gap; where one came in pieces, `lines` (or
`bytes`, where the body is a single line) says how much of the written body each piece had. Lists that are
too short or too long for a body that was edited do no harm.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.cassette.interaction import Arrival, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tokentape.recorder.cassette.interaction import Response

TICKS: Final = 10_000
"""A second, in tenths of a millisecond."""

_EVENT_END: Final = re.compile(rb"(?>\r\n|\n|\r){2}")
_LINE_END: Final = re.compile(rb"\n")


def event_ends(body: bytes) -> list[int]:
    """The offset after each event, its empty line included, and after what the stream ended in."""
    return _ends(_EVENT_END, body)


def noted(response: Response, written: bytes) -> dict[str, Any]:
    """What a file says of a response's timing; `written` is the body as a reader gets it."""
    timing = response.timing
    if timing is None:
        return {}
    headers = _ticks(timing.headers)
    pieces = _merged(timing, response.body)
    sizes: dict[str, list[int]] = {}
    if response.streamed:
        moments = _each_event(pieces, response.body)
    else:
        moments, sizes = _measured(pieces, len(response.body), written)
    gaps = [after - before for before, after in pairwise([headers, *moments])]
    ended = max(0, _ticks(timing.ended) - max([headers, *moments]))
    return {
        "headers_ms": _milliseconds(headers),
        "gaps_ms": list(map(_milliseconds, gaps)),
        **sizes,
        "ended_ms": _milliseconds(ended),
    }


def timing_of(extras: Mapping[str, Any], body: bytes, *, streamed: bool) -> Timing | None:
    """The timing that a file noted for a body.

    Raises:
        TypeError: something in it is no number, or no list of them.
        ValueError: a number is none that a clock shows.
    """
    if "headers_ms" not in extras:
        return None
    headers = _noted_ticks(extras["headers_ms"])
    moments = list(accumulate(map(_noted_ticks, extras.get("gaps_ms", ())), initial=headers))
    ends = event_ends(body) if streamed else _piece_ends(extras, body)
    return Timing(
        headers=headers / TICKS,
        arrivals=tuple(_arrivals(moments[1:] or moments, ends, len(body))),
        ended=(moments[-1] + _noted_ticks(extras.get("ended_ms", 0))) / TICKS,
    )


def _ends(pattern: re.Pattern[bytes], body: bytes) -> list[int]:
    ends = [match.end() for match in pattern.finditer(body)]
    if body and (not ends or ends[-1] < len(body)):
        ends.append(len(body))
    return ends


def _merged(timing: Timing, body: bytes) -> list[tuple[int, int]]:
    """Moments in ticks, rising from the headers', each with the offset of the body that was come to."""
    upto: dict[int, int] = {}
    moment, come = _ticks(timing.headers), 0
    for arrival in timing.arrivals:
        moment = max(moment, _ticks(arrival.at))
        come = min(come + max(0, arrival.size), len(body))
        upto[moment] = come
    if body:
        upto[moment] = len(body)
    pieces: list[tuple[int, int]] = []
    for at, end in upto.items():
        if end > (pieces[-1][1] if pieces else 0):
            pieces.append((at, end))
    return pieces


def _each_event(pieces: Sequence[tuple[int, int]], body: bytes) -> list[int]:
    """When the last byte of each event came."""
    come = [end for _, end in pieces]
    return [pieces[bisect_left(come, end)][0] for end in event_ends(body)]


def _measured(
    pieces: Sequence[tuple[int, int]], size: int, written: bytes
) -> tuple[list[int], dict[str, list[int]]]:
    """When the pieces came, and what each had of the written body, in lines or bytes."""
    if len(pieces) < 2:
        return [at for at, _ in pieces], {}
    lines = _ends(_LINE_END, written)
    scaled = [(at, round(end * len(written) / size)) for at, end in pieces]
    if len(lines) > 1:
        scaled = [(at, bisect_right(lines, end)) for at, end in scaled]
    moments: list[int] = []
    sizes: list[int] = []
    come = 0
    for at, upto in scaled:
        if upto > come:
            moments.append(at)
            sizes.append(upto - come)
            come = upto
    if len(sizes) < 2:
        return moments, {}
    return moments, {"lines" if len(lines) > 1 else "bytes": sizes}


def _piece_ends(extras: Mapping[str, Any], body: bytes) -> list[int]:
    if "bytes" in extras:
        return list(accumulate(map(_count, extras["bytes"])))
    if "lines" in extras:
        ends = [0, *_ends(_LINE_END, body)]
        return [ends[min(upto, len(ends) - 1)] for upto in accumulate(map(_count, extras["lines"]))]
    return [len(body)]


def _arrivals(moments: Sequence[int], ends: Sequence[int], size: int) -> Iterator[Arrival]:
    """One for each moment at which something came; the last moment brings all that is left."""
    begun = 0
    many = min(len(moments), len(ends))
    for index in range(many):
        last = index + 1 == many
        if not last and moments[index + 1] == moments[index]:
            continue
        end = size if last else min(ends[index], size)
        if end > begun:
            yield Arrival(moments[index] / TICKS, end - begun)
            begun = end


def _ticks(seconds: float) -> int:
    return max(0, round(seconds * TICKS))


def _milliseconds(ticks: int) -> float | int:
    return ticks // 10 if ticks % 10 == 0 else ticks / 10


def _noted_ticks(milliseconds: object) -> int:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        raise TypeError(f"{milliseconds!r} is no number of milliseconds")
    if not 0 <= milliseconds < 1e12:
        raise ValueError(f"{milliseconds!r} is no time in milliseconds")
    return round(milliseconds * 10)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no count")
    return max(0, value)
