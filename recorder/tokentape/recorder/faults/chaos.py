"""Chaos: some part of all requests is struck by some fault, the same ones on every run.

Whether a request is struck, and by what, follows from the seed, the session, what is asked, and which
attempt at it this is: never from who came first.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.faults.attempt import digest, fits
from tokentape.recorder.faults.catalogue import DECLARED
from tokentape.recorder.faults.fault import Fault, FaultError
from tokentape.recorder.faults.spec import read_faults

if TYPE_CHECKING:
    from tokentape.recorder.faults.attempt import Attempt

MIX: Final = read_faults(
    "overloaded:retry_after_ms=1; rate_limited:retry_after_ms=1; api_error:retry_after_ms=1; hang_up; "
    "error_event; cut; cut:inside=1,reset=1"
)
"""What chaos chooses from unless told otherwise: what really happens, and does not last."""
_EVENTS: Final = 12
"""A stream is struck after up to so many events."""


class Chaos(msgspec.Struct, frozen=True, kw_only=True):
    """How much of it there is."""

    rate: float
    """The part of all requests that is struck, from 0 to 1."""
    seed: int = 0
    faults: tuple[Fault, ...] = MIX

    def draw(self, attempt: Attempt, number: int) -> Fault | None:
        """What strikes an attempt, which is the `number`th at its request, counted from 0."""
        parts = str(self.seed), attempt.session, str(number)
        lot = random.Random(digest(*map(str.encode, parts), attempt.key))  # noqa: S311 - no secret: a seed
        if lot.random() >= self.rate:
            return None
        fitting = [fault for fault in self.faults if fits(fault, attempt)]
        return _placed(lot.choice(fitting), 1 + lot.randrange(_EVENTS)) if fitting else None


def _placed(fault: Fault, after: int) -> Fault:
    """The fault after so many events, where it does not say."""
    movable = any(key.name == "after" for key in DECLARED[fault.name].keys)
    if not movable or fault.get("after") is not None or fault.get("byte") is not None:
        return fault
    return msgspec.structs.replace(fault, values=(("after", after), *fault.values))


def read_chaos(text: str, *, seed: int = 0) -> Chaos:
    """Chaos from a rate, `5%` or `0.05`, and the faults to choose from, if any: `5%: overloaded; cut`.

    Raises:
        FaultError: the rate or a fault cannot be understood.
    """
    rate, _, specs = text.partition(":")
    faults = read_faults(specs)
    never = next((fault.name for fault in faults if fault.name in {"refused", "limits"}), None)
    if never is not None:
        raise FaultError(f"Chaos cannot choose `{never}`: give it as a fault of its own.")
    return Chaos(rate=_rate(rate.strip()), seed=seed, faults=faults or MIX)


def _rate(text: str) -> float:
    try:
        rate = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise FaultError(f"Chaos cannot be `{text}`: write a part of all requests, such as 5% or 0.05.")
    return rate
