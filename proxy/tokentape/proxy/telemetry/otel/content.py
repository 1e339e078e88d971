"""What was asked and answered, in the shape of the conventions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tokentape.proxy.telemetry.otel.exchanged import Exchanged

if TYPE_CHECKING:
    from tokentape.proxy.telemetry.otel.values import Structured


class Rendered(msgspec.Struct, frozen=True):
    """Content, ready to leave."""

    pairs: list[bytes]
    """As attributes of a span, with JSON as their values."""
    values: dict[str, Structured]
    """The same in structured form."""


Renderer = Callable[[Exchanged], Rendered | None]
