"""What the supervisor tells an observer's process, apart from it: the supervisor loads no sinks."""

from __future__ import annotations

import msgspec


class ObserverProcess(msgspec.Struct, frozen=True, kw_only=True):
    """Which sinks there are, and what all of it needs. Holds no secrets: it stands on a command line."""

    listener: int
    """File descriptor of the Unix listening socket, see `ObserverConfig`."""
    lifeline: int
    """File descriptor of a pipe that ends when the supervisor does."""
    salt_file: str
    """Where the salt of all hashes is kept, in the private folder."""
    admin: int | None = None
    """File descriptor of the admin port's listening socket; without one nothing is scraped."""
    metric_labels: tuple[str, ...] = ("project",)
    max_label_values: int = 20
    console: bool = False
    """Print a line per call on stdout."""
    totals: str | None = None
    """A file for the sums over all calls."""
