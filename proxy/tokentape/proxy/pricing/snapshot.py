"""Snapshots: a newer price table than the bundled one, in a file. Nothing here uses a network.

genai-prices publishes its table as JSON (https://github.com/pydantic/genai-prices, prices/new_data/v2).
Of that the Anthropic part is kept, with the day on which it was fetched. A table that is older than the
bundled one is never used: not when it comes, and not when a newer genai-prices has been installed since.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime  # noqa: TC003 - msgspec reads it
from typing import TYPE_CHECKING, Any

import msgspec

from tokentape.proxy.pricing.book import open_book
from tokentape.proxy.pricing.source import PROVIDER, RELEASED, open_source

if TYPE_CHECKING:
    from pathlib import Path

    from genai_prices.data_snapshot import DataSnapshot


class SnapshotError(ValueError):
    """What was fetched cannot be the price table; the message ends a sentence that says where it is from."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A file's content."""

    fetched_at: datetime
    """Aware."""
    provider: dict[str, Any]
    """The Anthropic part, as published."""


def read_published(payload: bytes, fetched_at: datetime) -> Kept:
    """The Anthropic part of a table as genai-prices publishes it.

    Raises:
        SnapshotError: it is none, or older than the bundled one.
    """
    try:
        providers = msgspec.json.decode(payload, type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SnapshotError("is no price table of genai-prices") from None
    found = next((provider for provider in providers if provider.get("id") == PROVIDER), None)
    if found is None:
        raise SnapshotError("has no Anthropic models")
    kept = Kept(fetched_at=fetched_at, provider=found)
    snapshot = _parsed(kept)
    if _is_older(snapshot):
        raise SnapshotError("is older than the table that genai-prices comes with, which stays in use")
    _try(snapshot, fetched_at)
    return kept


def _try(snapshot: DataSnapshot, at: datetime) -> None:
    """Look every price up: what is kept is what all later bills are made with."""
    book = open_book(snapshot=snapshot)
    try:
        priced = [book.list_prices(model, at.timestamp()) for model in book.models]
    except Exception as error:  # noqa: BLE001 - a table of another shape fails in any way
        raise SnapshotError(f"has prices that cannot be read ({_line(error)})") from None
    if not all(priced):
        raise SnapshotError("has models without any price")


def write_snapshot(kept: Kept, path: Path) -> None:
    """Keep a table; the file is replaced whole.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(kept))
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def read_snapshot(path: Path) -> DataSnapshot | None:
    """The table that was kept; `None` where there is none, or none that is better than the bundled one."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
        snapshot = _parsed(kept)
    except (OSError, msgspec.MsgspecError, SnapshotError):
        return None
    return None if _is_older(snapshot) else snapshot


def _parsed(kept: Kept) -> DataSnapshot:
    # The package has no public name for the reader of its own format; a test reads the bundled table
    # through it, and the version is bounded.
    from genai_prices.data_snapshot import DataSnapshot  # noqa: PLC0415 - heavy, see `source`
    from genai_prices.types import _providers_from_raw  # noqa: PLC0415 # pyright: ignore[reportPrivateUsage]

    try:
        providers = _providers_from_raw([kept.provider])
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
        raise SnapshotError(f"has a form that this genai-prices does not know ({_line(error)})") from None
    return DataSnapshot(providers, from_auto_update=True, timestamp=kept.fetched_at)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:100]


def _is_older(snapshot: DataSnapshot) -> bool:
    """Whether the bundled table knows of something that this one does not, or was published after it."""
    from genai_prices import __version__ as version  # noqa: PLC0415 - heavy, see `source`

    bundled, found = open_source(), open_source(snapshot)
    return bool(bundled.models.keys() - found.models.keys()) or found.date < RELEASED.get(version, "")
