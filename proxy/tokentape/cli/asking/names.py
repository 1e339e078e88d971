"""What `--by` means."""

from __future__ import annotations

from tokentape.proxy.ledger.dimensions import COLUMNS, LABEL, TIMES


def dimension(name: str) -> str:
    """A dimension of the ledger; any other name is a label's."""
    return name if name in COLUMNS or name in TIMES or name.startswith(LABEL) else f"{LABEL}{name}"
