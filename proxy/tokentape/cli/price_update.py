"""`tokentape prices update`: fetch the price table and keep it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tokentape.cli.errors import FailedError
from tokentape.cli.fetch import fetch
from tokentape.cli.price_table import price_file
from tokentape.proxy.pricing.snapshot import SnapshotError, read_published, write_snapshot

_SECONDS: Final = 15.0


def update_prices(url: str) -> None:
    """Keep the table that is published at a URL; a forward proxy of the environment is used.

    Raises:
        FailedError: it cannot be had, is none, is older than the bundled one, or cannot be kept. The table
            in use stays as it was.
    """
    path = price_file()
    try:
        write_snapshot(read_published(_fetched(url), datetime.now(UTC)), path)
    except SnapshotError as error:
        raise FailedError(f"What is at {url} {error}.") from None
    except OSError as error:
        raise FailedError(f"The price table cannot be kept at {path}: {error.strerror or error}.") from None


def _fetched(url: str) -> bytes:
    try:
        answer = fetch(url, seconds=_SECONDS, through=True)
    except (OSError, ValueError) as error:
        why = str(getattr(error, "reason", None) or error) or type(error).__name__
        raise FailedError(
            f"The price table could not be fetched from {url} ({why}): the one in use stays; try again "
            "where there is a network, or name another place with --price-url."
        ) from None
    if answer.status != 200:
        raise FailedError(
            f"The price table could not be fetched: {url} answered {answer.status}; the one in use stays."
        )
    return answer.body
