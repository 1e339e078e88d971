"""The index of a cassette: where the recordings of each key are. Built once, shared by all tapes.

It can be written as bytes and read again, so that a cassette that is loaded from a cache needs no parsing.
The bytes name the version of the keys and the rules they were made under: others are never taken for them.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.matching.keys import DIGEST, UNKNOWN, Reading
from tokentape.recorder.matching.volatile import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokentape.recorder.cassette.interaction import Interaction
    from tokentape.recorder.matching.rules import Rules

NAME: Final = "matching"
VERSION: Final = 1
"""Of the keys. Whoever changes what a key is made of adds one."""

Class = tuple[int, ...]
"""Places of the recordings of one key, in order."""


class _Written(msgspec.Struct, frozen=True, array_like=True):
    made_under: bytes
    exact: bytes
    normal: bytes
    unknown_betas: bool


class Index:
    """The classes of a cassette.

    Attributes:
        exact, normal: the classes by key.
        normal_of: the normalised key of each recording.
        unknown_betas: there are recordings whose betas nobody knows.
    """

    __slots__ = ("_written", "exact", "normal", "normal_of", "unknown_betas")

    def __init__(self, written: _Written) -> None:
        self._written = written
        self.normal_of = _cut(written.normal)
        self.exact = _classes(_cut(written.exact))
        self.normal = _classes(self.normal_of)
        self.unknown_betas = written.unknown_betas

    @property
    def has_choices(self) -> bool:
        """Some class has several recordings."""
        return len(self.normal) < len(self.normal_of)

    def to_bytes(self) -> bytes:
        """For `indexed`."""
        return msgspec.msgpack.encode(self._written)


def indexed(interactions: Sequence[Interaction], rules: Rules, derived: bytes | None = None) -> Index:
    """The index of interactions: read from `derived` where that is theirs, else worked out.

    Whoever gives `derived` answers for it being of these very interactions.
    """
    made_under = _made_under(rules)
    written = _read(derived) if derived else None
    size = DIGEST * len(interactions)
    if written and written.made_under == made_under and len(written.exact) == len(written.normal) == size:
        return Index(written)
    normaliser = Normaliser(rules)
    exact, normal, unknown = bytearray(), bytearray(), False
    for interaction in interactions:
        reading = Reading(interaction.request, normaliser)
        exact += reading.exact()
        normal += reading.normal()
        unknown = unknown or reading.betas == UNKNOWN
    return Index(_Written(made_under, bytes(exact), bytes(normal), unknown))


def _made_under(rules: Rules) -> bytes:
    return sha256(msgspec.msgpack.encode((VERSION, rules))).digest()


def _read(derived: bytes) -> _Written | None:
    try:
        return msgspec.msgpack.decode(derived, type=_Written)
    except (msgspec.DecodeError, ValueError):
        return None


def _cut(keys: bytes) -> list[bytes]:
    return [keys[start : start + DIGEST] for start in range(0, len(keys), DIGEST)]


def _classes(keys: Iterable[bytes]) -> dict[bytes, Class]:
    places: dict[bytes, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return {key: tuple(found) for key, found in places.items()}
