"""What cannot be done with cassettes. Each text is one sentence for the user."""

from __future__ import annotations


class EditingError(Exception):
    """What was asked for cannot be done."""
