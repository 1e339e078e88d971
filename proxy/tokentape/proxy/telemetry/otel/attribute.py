"""One row of the table of attributes: a name in each edition, and the fact that it stands for."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tokentape.proxy.messages.call import Call
from tokentape.proxy.pricing.bill import Bill
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.values import Value

Read = Callable[[Call, Bill | None], Value | None]


class Attribute(msgspec.Struct, frozen=True):
    """One attribute of spans and events."""

    name: str
    """In edition 1.41; empty where only `latest` has it."""
    type: str
    """As the conventions write it: string, int, double, boolean, string[]."""
    help: str
    read: Read
    """`None` where the call does not say it."""
    latest: str | None = None
    """Its name in `latest`, where it is another one; empty where that has none."""

    def named(self, edition: Edition) -> str:
        """The name in an edition; empty where the edition does not have it."""
        if edition is Edition.LATEST and self.latest is not None:
            return self.latest
        return self.name
