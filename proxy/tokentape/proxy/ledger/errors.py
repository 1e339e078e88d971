"""What can be wrong with a ledger as a whole.

LedgerError
 ├─ NoLedgerError       nothing is there yet
 ├─ NewerLedgerError    written by a later version
 └─ UnavailableError    there, but it cannot be read or written now

Each message is one sentence with what to do, and holds no password.
"""

from __future__ import annotations


class LedgerError(Exception):
    """A ledger that cannot be used."""


class NoLedgerError(LedgerError):
    """Asked to read a ledger that does not exist yet."""


class NewerLedgerError(LedgerError):
    """The ledger's schema is later than this version knows."""


class UnavailableError(LedgerError):
    """The ledger cannot be read or written now: locked, full, missing, unreachable."""
