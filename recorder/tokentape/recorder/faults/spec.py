"""Specs: faults as text, `name:key=value,key=value`; several are joined by `;`.

What cannot be understood is named in one sentence, with the nearest name that exists.
"""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.faults.catalogue import DECLARED, ENDPOINTS, SCOPE, Key
from tokentape.recorder.faults.fault import Fault, FaultError, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentape.recorder.faults.catalogue import Declaration

_FLAGS: Final = {"1": 1, "true": 1, "yes": 1, "0": 0, "false": 0, "no": 0}
_SEPARATORS: Final = frozenset(",;")
_NARROWED: Final = {"refused": ("nth", "times"), "limits": ("model", "endpoint", "session")}
"""Faults for which only these of the common keys mean something."""


def read_faults(specs: str | Iterable[str]) -> tuple[Fault, ...]:
    """The faults of a spec, or of several, in order.

    Raises:
        FaultError: see `read_fault`.
    """
    texts = [specs] if isinstance(specs, str) else specs
    return tuple(read_fault(part) for text in texts for part in text.split(";") if part.strip())


def read_fault(spec: str) -> Fault:
    """The fault of a spec.

    Raises:
        FaultError: there is no such fault or key, a value does not fit, or a key comes twice.
    """
    name, _, rest = spec.strip().partition(":")
    declared = _declared(name.strip())
    given: dict[str, str] = {}
    for pair in filter(str.strip, rest.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise FaultError(
                f"`{pair.strip()}` of the fault `{declared.name}` needs a value: write key=value."
            )
        if key in given:
            raise FaultError(f"`{key}` of the fault `{declared.name}` is given twice.")
        given[key] = value
    return make_fault(declared.name, given)


def make_fault(name: str, given: Mapping[str, Any]) -> Fault:
    """A fault from the values of its keys, each as text or as it is; `None` is no value.

    Raises:
        FaultError: there is no such fault or key, or a value does not fit.
    """
    declared = _declared(name)
    own = {key.name: key for key in declared.keys}
    scope = {key.name: key for key in scope_of(declared)}
    unknown = next((key for key in given if key not in own and key not in scope), None)
    if unknown is not None:
        hint = _hint(unknown, [*own, *scope])
        raise FaultError(f"The fault `{name}` has no key `{unknown}`: {hint}")
    there = {key: value for key, value in given.items() if value is not None}
    values = tuple((key, _value(name, own[key], there[key])) for key in own if key in there)
    where = {key: _value(name, scope[key], there[key]) for key in scope if key in there}
    _check(declared, dict(values), where)
    return Fault(name, values, Where(**where))


def scope_of(declared: Declaration) -> tuple[Key, ...]:
    """The common keys that a fault has."""
    names = _NARROWED.get(declared.name)
    return tuple(key for key in SCOPE if names is None or key.name in names)


def _declared(name: str) -> Declaration:
    declared = DECLARED.get(name)
    if declared is None:
        raise FaultError(f"There is no fault `{name}`: {_hint(name, DECLARED)}")
    return declared


def _hint(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean `{near[0]}`?" if near else f"use one of {', '.join(names)}."


def _value(fault: str, key: Key, value: object) -> Any:
    named = f"`{key.name}` of the fault `{fault}`"
    if key.kind == "text":
        return _text(named, value)
    if key.kind == "choice":
        if value not in key.choices:
            raise FaultError(f"{named} cannot be `{value}`: {_hint(str(value), key.choices)}")
        return value
    if key.kind == "flag":
        flag = _FLAGS.get(str(value).lower())
        if flag is None:
            raise FaultError(f"{named} must be 0 or 1.")
        return flag
    return _number(named, key, value)


def _text(named: str, value: object) -> str:
    text = str(value)
    if not text or text != text.strip() or not text.isprintable() or _SEPARATORS & set(text):
        raise FaultError(f"{named} must be a text without commas and semicolons.")
    return text


def _number(named: str, key: Key, value: object) -> int | float:
    what = "a number" if key.kind == "seconds" else "a whole number"
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if math.isnan(number) or (key.kind != "seconds" and not number.is_integer()):
        raise FaultError(f"{named} must be {what}.")
    if not key.least <= number <= key.most:
        raise FaultError(f"{named} must be {what} from {key.least:.12g} to {key.most:.12g}.")
    return int(number) if number.is_integer() else number


def _check(declared: Declaration, values: dict[str, Any], where: dict[str, Any]) -> None:
    """What holds between keys."""
    endpoint = where.get("endpoint", "")
    if endpoint and endpoint not in ENDPOINTS and not endpoint.startswith("/"):
        raise FaultError(
            f"`endpoint` of the fault `{declared.name}` cannot be `{endpoint}`: {_hint(endpoint, ENDPOINTS)}"
        )
    if declared.name == "limits" and not values:
        raise FaultError("The fault `limits` needs a limit, such as `limits:rpm=60`.")
