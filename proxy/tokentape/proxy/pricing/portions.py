"""Portions: quantities that are paid at one model's price, by the length of one prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tokentape.proxy.pricing.rates import Circumstances


class Counts(NamedTuple):
    """Quantities of the priced kinds, in the order of `rates.KINDS`."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    web_search: int = 0

    @property
    def prompt(self) -> int:
        """Tokens of the whole prompt, cache included."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


class Portion(NamedTuple):
    """Quantities that are paid at one model's price."""

    model: str | None
    """As the API named it; `None` where it named none."""
    counts: Counts
    longest: int | None = None
    """The longest single prompt, where the counts are those of several and that is known."""


class Account(NamedTuple):
    """A call as far as its price goes."""

    portions: list[Portion]
    circumstances: Circumstances
    reasons: list[str]
    """What was assumed, low cardinality; may repeat."""
