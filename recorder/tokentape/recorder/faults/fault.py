"""The Fault, and where one applies."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

import msgspec

Value = int | float | str
Each = Literal["session", "request"]


class FaultError(ValueError):
    """A fault that cannot be understood; the message is one sentence that says what to write."""


class Where(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which requests a fault strikes. Empty and 0 mean: whichever."""

    model: str = ""
    endpoint: str = ""
    session: str = ""
    nth: int = 0
    times: int = 0
    each: Each = "session"


class Whose(TypedDict, total=False):
    """The keys that say whose requests a fault strikes, for constructors; see the catalogue."""

    model: str
    endpoint: str
    session: str


class Scope(Whose, total=False):
    """The keys that say which of them, too."""

    nth: int
    times: int
    each: Each


EVERYWHERE: Final = Where()


class Fault(msgspec.Struct, frozen=True):
    """One thing that goes wrong. Make one by its constructor, or by `spec.read_fault`."""

    name: str
    values: tuple[tuple[str, Value], ...] = ()
    """The keys of its own that were given, in the catalogue's order."""
    where: Where = EVERYWHERE
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the refusal, in place of its own on rate limits. Not a part of the spec."""

    def get(self, key: str) -> Value | None:
        """A value that was given."""
        return next((value for name, value in self.values if name == key), None)

    def number(self, key: str, default: float) -> float:
        """A number that was given, or the default."""
        value = self.get(key)
        return value if isinstance(value, int | float) else default

    def count(self, key: str, default: int) -> int:
        """A whole number that was given, or the default."""
        return int(self.number(key, default))

    def text(self, key: str, default: str = "") -> str:
        """A text that was given, or the default."""
        value = self.get(key)
        return value if isinstance(value, str) else default

    @property
    def spec(self) -> str:
        """What `spec.read_fault` reads as this fault."""
        pairs = [*self.values, *msgspec.to_builtins(self.where).items()]
        return f"{self.name}:{','.join(f'{key}={value}' for key, value in pairs)}" if pairs else self.name
