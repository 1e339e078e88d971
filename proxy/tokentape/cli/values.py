"""What the values of options look like: readers that take a string or a TOML value.

A reader raises ValueError with the end of a sentence; `tokentape.cli.settings` puts in front of it
where the value came from.
"""

from __future__ import annotations

import ipaddress
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

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


def text_or_nothing(value: object) -> str:
    """Read a string."""
    return "" if value == "" else text(value)


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


def specs(value: object) -> tuple[str, ...]:
    """Read one text, or a list of them, each as it is."""
    try:
        return (text(value),) if isinstance(value, str) else tuple(msgspec.convert(value, list[str]))
    except msgspec.ValidationError:
        raise ValueError(f"must be a text or a list of texts, not {value!r}") from None


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


def shares(value: object) -> tuple[float, float]:
    """Read two rising shares, such as `0.8,1`."""
    wrong = f"must be two rising shares such as 0.8,1, not {value!r}"
    parts = value.split(",") if isinstance(value, str) else value
    try:
        low, high = msgspec.convert(parts, tuple[float, float], strict=False)
    except msgspec.ValidationError:
        raise ValueError(wrong) from None
    if not 0 < low < high:
        raise ValueError(wrong)
    return low, high


def labels(value: object) -> tuple[str, ...]:
    """Read `key=value` pairs from a list of texts, or one text with commas."""
    pairs = names(value)
    for pair in pairs:
        key, equals, rest = pair.partition("=")
        if not equals or not rest or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.\-]{0,63}", key):
            raise ValueError(f"must be KEY=VALUE, such as team=search, not {pair!r}")
    return pairs


def conditions(value: object) -> tuple[str, ...]:
    """Read `name=value` pairs, values possibly empty, from a list of texts, or one text with commas."""
    pairs = names(value)
    for pair in pairs:
        name, equals, _ = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"must be NAME=VALUE, such as model=claude-sonnet-5, not {pair!r}")
    return pairs


def choice(*words: str) -> Callable[[object], str]:
    """A reader of one of these words."""

    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {value!r}")
        return str(value)

    return read


def choice_or_nothing(*words: str) -> Callable[[object], str]:
    """A reader of one of these words, or of nothing."""
    read = choice(*words)
    return lambda value: "" if value == "" else read(value)


def hook(value: object) -> str:
    """Read `module:function`, or nothing."""
    if value == "":
        return ""
    name = text(value)
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", name):
        raise ValueError(f"must be MODULE:FUNCTION, such as mypackage.privacy:redact, not {value!r}")
    return name


def timezone(value: object) -> str:
    """Read the name of a time zone (https://www.iana.org/time-zones)."""
    from zoneinfo import ZoneInfo

    name = text(value)
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"must be a time zone, such as Europe/Berlin, not {value!r}") from None
    return name


def web_address(value: object) -> str:
    """Read an http or https URL, or nothing."""
    if value == "":
        return ""
    if not re.fullmatch(r"https?://[^/\s]+\S*", text(value)):
        raise ValueError("must be an http:// or https:// URL")
    return text(value)


def budget(value: object) -> dict[str, Decimal]:
    """Read `day=20,month=400`, or a table of the same."""
    example = "must be day=USD,month=USD, such as day=20,month=400"
    if isinstance(value, str):
        pairs: dict[str, Any] = {}
        for part in names(value):
            window, _, amount = part.partition("=")
            pairs[window.strip()] = amount.strip()
    else:
        pairs = _table(value, example)
    return {window: _usd(window, amount, f"{example}, not {value!r}") for window, amount in pairs.items()}


def _usd(window: str, amount: object, wrong: str) -> Decimal:
    plain = isinstance(amount, (int, float, str)) and not isinstance(amount, bool)
    if window not in {"day", "month"} or not plain or not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", str(amount)):
        raise ValueError(wrong)
    usd = Decimal(str(amount))
    if not usd:
        raise ValueError(wrong)
    return usd


def budgets(value: object) -> dict[str, dict[str, Decimal]]:
    """Read a table of budgets by project."""
    tables = _table(value, "must be a table of projects, each with day and month in USD")
    return {project: budget(windows) for project, windows in tables.items()}


def prices(value: object) -> dict[str, Any]:
    """Read the user's own prices: `tokentape.proxy.pricing.overrides` says what they look like."""
    from tokentape.proxy.pricing.overrides import PriceConfigError, parse_overrides

    table = _table(value, "must be a table")
    try:
        parse_overrides(table)
    except PriceConfigError as error:
        raise ValueError(f"is wrong: {str(error).rstrip('.')}") from None
    return table


def redaction(value: object) -> dict[str, Any]:
    """Read what is redacted beyond the default: `tokentape.recorder.scrubbing.policy` says what it is."""
    from tokentape.recorder.scrubbing.policy import Policy

    return _fields(value, Policy)


def volatility(value: object) -> dict[str, Any]:
    """Read what is volatile beyond the default: `tokentape.recorder.matching.rules` says what it is."""
    from tokentape.recorder.matching.rules import Rules

    return _fields(value, Rules)


def _fields(value: object, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A table whose keys and values are those of a Struct that checks itself."""
    table = _table(value, "must be a table")
    unknown = sorted(set(table) - set(kind.__struct_fields__))
    if unknown:
        raise ValueError(f"has an unknown key {unknown[0]!r}: there are {', '.join(kind.__struct_fields__)}")
    try:
        msgspec.convert(table, kind)
    except ValueError as error:
        raise ValueError(f"is wrong: {str(error).rstrip('.')}") from None
    return table


def _table(value: object, wrong: str) -> dict[str, Any]:
    try:
        return msgspec.convert(value, dict[str, Any])
    except msgspec.ValidationError:
        raise ValueError(f"{wrong}, not {value!r}") from None
