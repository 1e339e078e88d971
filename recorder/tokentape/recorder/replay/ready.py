"""A cassette made ready to be played: scrubbed as what is looked up will be, and indexed.

That takes longer than to load it, so what comes of it is kept beside it in the cache. It cannot be stale:
it names the policy and the rules it was made under, and the code that made it; and the entry it lies in is
named after the very bytes of the cassette.
"""

from __future__ import annotations

import functools
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.cassette.cache import NOWHERE, code_of
from tokentape.recorder.cassette.interaction import Interaction, Request  # noqa: TC001 - msgspec reads them
from tokentape.recorder.matching.index import indexed
from tokentape.recorder.scrubbing.scrub import scrub_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.recorder.cassette.cache import Entry
    from tokentape.recorder.matching.rules import Rules
    from tokentape.recorder.scrubbing.policy import Policy

NAME: Final = "ready"
VERSION: Final = 1
_MAKERS: Final = ("tokentape.recorder.scrubbing", "tokentape.recorder.matching")


class Ready(msgspec.Struct, frozen=True):
    """What a player needs."""

    interactions: tuple[Interaction, ...]
    index: bytes
    """As `matching.player.Player` takes it."""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    made_under: bytes
    scrubbed: dict[int, Request]
    """The requests that scrubbing changes, by place."""
    index: bytes


_decoder: Final = msgspec.msgpack.Decoder(_Kept)


def made_ready(
    interactions: Sequence[Interaction], policy: Policy, rules: Rules, entry: Entry = NOWHERE
) -> Ready:
    """Scrub and index a cassette, or find it so.

    Args:
        interactions: of the cassette.
        policy: what is redacted, here and in what is looked up.
        rules: what is volatile.
        entry: the cassette's own in the cache.
    """
    made_under = sha256(_code() + msgspec.msgpack.encode((policy, rules))).digest()
    kept = _read(entry.derived(NAME, VERSION))
    if kept is None or kept.made_under != made_under:
        kept = _made(interactions, policy, rules, made_under)
        entry.keep_derived(NAME, VERSION, msgspec.msgpack.encode(kept))
    return Ready(_with(interactions, kept.scrubbed), kept.index)


def _made(interactions: Sequence[Interaction], policy: Policy, rules: Rules, made_under: bytes) -> _Kept:
    requests = (scrub_request(interaction.request, policy) for interaction in interactions)
    changed = {
        place: request for place, request in enumerate(requests) if request != interactions[place].request
    }
    index = indexed(_with(interactions, changed), rules).to_bytes()
    return _Kept(made_under, changed, index)


def _with(interactions: Sequence[Interaction], requests: dict[int, Request]) -> tuple[Interaction, ...]:
    found = list(interactions)
    for place, request in requests.items():
        found[place] = msgspec.structs.replace(found[place], request=request)
    return tuple(found)


def _read(data: bytes | None) -> _Kept | None:
    try:
        return None if data is None else _decoder.decode(data)
    except msgspec.MsgspecError:
        return None


@functools.cache
def _code() -> bytes:
    return code_of(_MAKERS)
