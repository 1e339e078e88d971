"""A request that no recording answers, explained: what is nearest, where it differs, what to run.

The answer has status 422: the official SDKs of all languages retry 408, 409, 429 and everything from 500
on, and applications catch 400 (the prompt is too long), 401, 403 and 404 (there is no such model) to try
something else, which would hide the miss. So it is raised at once, as an error that nobody handles.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.cassette.interaction import Response

if TYPE_CHECKING:
    from tokentape.recorder.matching.difference import Comparison

STATUS: Final = 422
CODE: Final = "miss"
"""The value of `x-tokentape-error`."""


class Reason(enum.StrEnum):
    """Why nothing was found."""

    NOTHING = "nothing"
    """Nothing was recorded of this endpoint."""
    DIFFERENT = "different"
    """What was recorded of it differs."""
    USED_UP = "used_up"
    """It was recorded, and has been played as often as it was."""


class Nearest(msgspec.Struct, frozen=True, kw_only=True):
    """The recording that is most like the request."""

    place: int
    """From 0."""
    summary: str
    """What it asked for, in few words."""
    plays: int
    """How often it has been played."""
    comparison: Comparison


class Miss(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not answered. All texts are masked."""

    request: str
    """What it asked for, in few words."""
    reason: Reason
    recorded: int
    """Interactions in the cassette; for `USED_UP`, those that equal the request."""
    cassette: str = ""
    """What the cassette is called."""
    nearest: Nearest | None = None
    hint: str = ""
    """What to run."""

    def __str__(self) -> str:
        """The whole explanation."""
        return render(self)


def render(miss: Miss) -> str:
    """The whole explanation, in lines; the first one says what is wrong, the last one what to run."""
    where = miss.cassette or "the cassette"
    match miss.reason:
        case Reason.NOTHING:
            held = _counted(miss.recorded, "interaction") if miss.recorded else "nothing"
            lines = [f"No recording answers {miss.request}: {where} holds {held}, and none of this endpoint."]
        case Reason.USED_UP:
            held = _counted(miss.recorded, "recording")
            lines = [
                f"No recording is left for {miss.request}: {where} holds {held} of it, all of them played."
            ]
        case Reason.DIFFERENT:
            lines = [f"No recording in {where} matches {miss.request}.", *_nearest(miss)]
    return "\n".join([*lines, *([miss.hint] if miss.hint else [])])


def answer_for(miss: Miss) -> Response:
    """The answer to the client: an error of the API's shape, with the whole explanation as its message."""
    error = {"type": "invalid_request_error", "message": render(miss)}
    return Response(
        status=STATUS,
        reason="Unprocessable Content",
        headers=(
            ("content-type", "application/json"),
            ("x-should-retry", "false"),
            ("x-tokentape-error", CODE),
        ),
        body=msgspec.json.encode({"type": "error", "error": error}),
    )


def _nearest(miss: Miss) -> list[str]:
    near = miss.nearest
    if near is None:
        return []
    played = f"already played {_counted(near.plays, 'time')}" if near.plays else "not played yet"
    lines = [f"The nearest is interaction {near.place + 1}, {near.summary} ({played}). It differs at:"]
    lines += [f"  {difference}" for difference in near.comparison.differences]
    if near.comparison.more:
        lines.append(f"  and at {_counted(near.comparison.more, 'more place')}")
    return lines


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
