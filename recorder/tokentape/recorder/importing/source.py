"""A source of any kind, as a cassette without secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.parsing import parse
from tokentape.recorder.importing import har, mitmproxy
from tokentape.recorder.importing.errors import ImportingError
from tokentape.recorder.importing.exchange import is_call
from tokentape.recorder.scrubbing.policy import DEFAULT
from tokentape.recorder.scrubbing.scrub import scrub, scrub_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tokentape.recorder.cassette.interaction import Interaction
    from tokentape.recorder.scrubbing.policy import Policy

_NETSTRING: Final = re.compile(rb"\d{1,12}:")
_HAR: Final = re.compile(rb'\s*\{\s*"log"\s*:')
_KINDS: Final = {
    "mitmproxy": mitmproxy.interactions,
    "har": har.interactions,
}


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a source."""

    kind: str
    """`har`, `mitmproxy` or `vcrpy`."""
    cassette: Cassette
    left_out: tuple[str, ...]
    """Method and URI of each exchange that a cassette does not hold, less the query."""


def import_source(data: bytes, name: str, policy: Policy = DEFAULT) -> Imported:
    """The calls to the API in a file, scrubbed; `name` is the file's, for errors.

    Raises:
        ImportingError: nothing can be read from it.
    """
    if not data.strip():
        raise ImportingError(f"{name} is empty: there is nothing to import.")
    kind = _kind(data)
    kept: list[Interaction] = []
    left_out: list[str] = []
    for interaction in _interactions(kind, data, name):
        if is_call(interaction.request):
            kept.append(scrub(interaction, policy))
        else:
            request = interaction.request
            left_out.append(scrub_text(f"{request.method} {request.uri.partition('?')[0]}"))
    cassette = Cassette(interactions=tuple(kept), metadata={"imported_from": kind})
    return Imported(kind=kind, cassette=cassette, left_out=tuple(left_out))


def _kind(data: bytes) -> str:
    """By the first bytes: names of files say little."""
    if _NETSTRING.match(data):
        return "mitmproxy"
    return "har" if _HAR.match(data.removeprefix(b"\xef\xbb\xbf")) else "vcrpy"


def _interactions(kind: str, data: bytes, name: str) -> Iterable[Interaction]:
    read: Callable[[bytes, str], Iterator[Interaction]] | None = _KINDS.get(kind)
    if read is not None:
        return read(data, name)
    try:
        return parse(data, name).interactions
    except CassetteError as error:
        raise ImportingError(str(error)) from None
