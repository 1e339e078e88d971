"""Commands that ask the ledger or the price table: `report`, `calls`, `prices`."""
