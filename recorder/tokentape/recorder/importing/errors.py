"""What goes wrong with a source. Each text is one sentence for the user."""

from __future__ import annotations


class ImportingError(Exception):
    """A file that cannot be imported."""
