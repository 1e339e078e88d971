"""From the bytes of a file to a cassette: by the fast reader where our own writer made it, else in full."""

from __future__ import annotations

import gc
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.recorder.cassette import fast, tree
from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.layout import put_together

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tokentape.recorder.cassette.interaction import Cassette

_GZIP_MAGIC: Final = b"\x1f\x8b"


def parse(data: bytes, name: str, fetch: Callable[[str], bytes] | None = None) -> Cassette:
    """The cassette in a file's bytes, YAML or JSON, gzipped or not.

    `name` is the file's, for errors; `fetch` gives the content of a file beside it.

    Raises:
        CassetteError: it cannot be read.
    """
    with collector_off():
        read = fast.read(data)
        if read is not None:
            return read
        found = document(data, name)
        return tree.cassette(put_together(found, fetch) if fetch else found, name)


def document(data: bytes, name: str) -> object:
    """The file as plain Python data.

    Raises:
        CassetteError: it is neither YAML nor JSON, or empty.
    """
    data = _unzipped(data, name)
    if not data.strip():
        raise CassetteError(f"{name} is empty: record it again, or restore it.")
    if data.lstrip().startswith(b"{"):
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError):
            if name.endswith(".json"):
                return _python_json(data, name)
    return _yaml(data, name)


@contextmanager
def collector_off() -> Generator[None]:
    """A million small objects and no cycles: collecting them takes longer than parsing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _unzipped(data: bytes, name: str) -> bytes:
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        return zlib.decompressobj(wbits=31).decompress(data, tree.MAX_DECODED)
    except zlib.error as error:
        raise CassetteError(f"{name} cannot be unzipped: {error}.") from None


def _python_json(data: bytes, name: str) -> object:
    """Once more, with what Python's own module lets pass: NaN, and halves of surrogate pairs."""
    import json  # noqa: PLC0415  # rarely needed

    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{name} is no JSON: {error}.") from None


def _yaml(data: bytes, name: str) -> object:
    import yaml  # noqa: PLC0415  # heavy, and not needed for what we wrote ourselves

    from tokentape.recorder.cassette import yaml_events  # noqa: PLC0415
    from tokentape.recorder.cassette.yaml_loader import loader  # noqa: PLC0415

    try:
        return yaml_events.load(data.decode("utf-8-sig"), loader())
    except (yaml.YAMLError, *yaml_events.MISFITS) as error:
        raise CassetteError(f"{name} is no YAML: {_one_line(error)}.") from None


def _one_line(error: Exception) -> str:
    mark: Any = getattr(error, "problem_mark", None)
    problem: str | None = getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"{problem} in line {mark.line + 1}"
