"""Faults: what goes wrong, when, and how often.

A spec is `name` or `name:key=value,key=value`; several are joined by `;`, and the first that has not
been used up happens. `times=n` lets it happen n times for one behaviour id, then the call succeeds.

=================  =================================================================================
name               what happens, and its keys
=================  =================================================================================
rate_limit         429; `retry_after` seconds or `retry_after_ms`
overloaded         529
api_error          500
status             `code`: any of the API's error statuses
unauthorized       401
too_large          413
error_event        after `after` events of a stream an `error` event of `type` (overloaded_error);
                   without a stream, the status that fits
cut                the connection is closed after `after` events, or after `byte` bytes of the whole
                   reply, head included; `inside=1` in the middle of the next event; `reset=1` by a
                   reset; a reply that is no stream is cut in the middle of its body
hang_up            the connection is closed before the head; `reset=1` by a reset
stall              after `after` events only pings come, for `seconds` or for ever
no_message_stop    a stream ends properly, without `message_stop`
malformed          event number `after`, or the body, is broken JSON
wrong_length       content-length is `by` bytes (default 10) too long; negative: too short
=================  =================================================================================
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tokentape.recorder.standin.behaviour import BehaviourError

STATUSES: Final = {
    "rate_limit": 429,
    "overloaded": 529,
    "api_error": 500,
    "unauthorized": 401,
    "too_large": 413,
}
_NUMBERS: Final = {
    "rate_limit": {"retry_after", "retry_after_ms"},
    "status": {"code"},
    "error_event": {"after"},
    "cut": {"after", "byte", "inside", "reset"},
    "hang_up": {"reset"},
    "stall": {"after", "seconds"},
    "malformed": {"after"},
    "wrong_length": {"by"},
}
_NAMES: Final = frozenset({*STATUSES, *_NUMBERS, "no_message_stop"})
_COUNTED: Final = 10_000
"""Callers whose faults are counted; beyond them, counting starts anew."""


class Fault(NamedTuple):
    """One fault of a spec."""

    name: str
    numbers: dict[str, float]
    type: str = "overloaded_error"
    """The error type of `error_event`."""
    times: int = 0
    """0: always."""

    def number(self, key: str, default: int) -> int:
        """A whole number of the spec."""
        return int(self.numbers.get(key, default))


def read_faults(spec: str) -> tuple[Fault, ...]:
    """The faults of a spec, in order.

    Raises:
        BehaviourError: there is no such fault or no such key.
    """
    return tuple(_fault(part.strip()) for part in spec.split(";") if part.strip())


def _fault(spec: str) -> Fault:
    name, _, rest = spec.partition(":")
    if name not in _NAMES:
        raise BehaviourError(f"there is no fault `{name}`: use one of {', '.join(sorted(_NAMES))}")
    fault = Fault(name, {})
    for pair in filter(None, rest.split(",")):
        key, _, value = pair.partition("=")
        fault = _with_key(fault, key.strip(), value.strip())
    return fault


def _with_key(fault: Fault, key: str, value: str) -> Fault:
    if key == "type" and fault.name == "error_event":
        return fault._replace(type=value)
    if key != "times" and key not in _NUMBERS.get(fault.name, set()):
        raise BehaviourError(f"the fault `{fault.name}` has no key `{key}`")
    try:
        number = float(value)
    except ValueError:
        raise BehaviourError(f"`{key}` of the fault `{fault.name}` must be a number") from None
    if key == "times":
        return fault._replace(times=int(number))
    return fault._replace(numbers={**fault.numbers, key: number})


class FaultBook:
    """Counts how often each fault has happened to whom."""

    def __init__(self) -> None:
        self._happened: dict[tuple[str, int, str], int] = {}
        self._specs: dict[str, tuple[Fault, ...]] = {}

    def next(self, spec: str, caller: str) -> Fault | None:
        """The fault that happens to this call of `caller`, and count it.

        Raises:
            BehaviourError: see `read_faults`.
        """
        faults = self._specs.get(spec)
        if faults is None:
            faults = self._specs[spec] = read_faults(spec)
        return next(
            (fault for place, fault in enumerate(faults) if self._happens(spec, place, fault, caller)), None
        )

    def _happens(self, spec: str, place: int, fault: Fault, caller: str) -> bool:
        if not fault.times:
            return True
        key = spec, place, caller
        happened = self._happened.get(key, 0)
        if happened >= fault.times:
            return False
        if len(self._happened) >= _COUNTED:
            self._happened.clear()
        self._happened[key] = happened + 1
        return True
