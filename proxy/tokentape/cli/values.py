"""What the values of options look like: readers that take a string or a TOML value.

A reader raises ValueError with the end of a sentence; `tokentape.cli.settings` puts in front of it
where the value came from.
"""

from __future__ import annotations

import ipaddress
import math
import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class Address(msgspec.Struct, frozen=True):
    """Where a port is opened. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def reachable(self) -> Address:
        """The address for a client on this machine: a wildcard is no address to connect to."""
        local = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return Address(local.get(self.host, self.host), self.port)


def address(value: object) -> Address:
    """Read `127.0.0.1:8585`, `localhost:0` or `[::1]:8585`."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]/@]+)):(\d{1,5})", str(value).strip())
    if not isinstance(value, str) or match is None or int(match[3]) > 65535:
        raise ValueError(f"must be HOST:PORT, such as 127.0.0.1:8585, not {value!r}")
    return Address(match[1] or match[2], int(match[3]))


def text(value: object) -> str:
    """Read a string that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"must be a text that is not empty, not {value!r}")
    return value.strip()


def switch(value: object) -> bool:
    """Read true or false, also as 1/0, yes/no, on/off."""
    word = str(value).strip().lower()
    if isinstance(value, (str, bool)) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError(f"must be true or false, not {value!r}")


def names(value: object) -> tuple[str, ...]:
    """Read a list of strings, or one string with commas; an empty one is an empty list."""
    try:
        parts = value.split(",") if isinstance(value, str) else msgspec.convert(value, list[str])
    except msgspec.ValidationError:
        raise ValueError(f"must be a list of texts, not {value!r}") from None
    stripped = (part.strip() for part in parts)
    return tuple(part for part in stripped if part)


def count(low: int, high: int) -> Callable[[object], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return number

    return read


def amount(low: float, high: float, unit: str) -> Callable[[object], float]:
    """A reader of numbers from `low` to `high` in some unit."""

    def read(value: object) -> float:
        number = math.nan
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = float(value)
        elif isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                number = math.nan
        if not low <= number <= high:
            raise ValueError(f"must be a number of {unit} from {low:g} to {high:g}, not {value!r}")
        return number

    return read


def labels(value: object) -> tuple[str, ...]:
    """Read `key=value` pairs from a list of texts, or one text with commas."""
    pairs = names(value)
    for pair in pairs:
        key, equals, rest = pair.partition("=")
        if not equals or not rest or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.\-]{0,63}", key):
            raise ValueError(f"must be KEY=VALUE, such as team=search, not {pair!r}")
    return pairs
