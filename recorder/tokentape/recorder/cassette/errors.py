"""What goes wrong with a cassette file. Each text is one sentence for its user."""

from __future__ import annotations


class CassetteError(Exception):
    """A cassette that cannot be read or written."""


class CassetteBusyError(CassetteError):
    """Another process, or another part of this one, is writing the cassette."""
