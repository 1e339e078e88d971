"""What the price table lacks, from the API's documentation.

Sources (https://platform.claude.com/docs/en/), as of November 2026:

- about-claude/pricing: batches at half the price of all tokens; US-only inference at 1.1 times the
  price of all tokens on models from the 4.6 generation on; Sonnet 4 over 200,000 prompt tokens.
- build-with-claude/fast-mode, in its versions of the time: fast mode on Opus 4.6 and 4.7 at six times
  the price of all tokens. Neither has it any more: Opus 4.6 answers at standard speed and says so.
- build-with-claude/prompt-caching: the shortest prompt that is cached.

Models are named by the ids of the price table.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

BATCH: Final = Decimal("0.5")
US: Final = Decimal("1.1")

FAST: Final = {"claude-opus-4-6": Decimal(6), "claude-opus-4-7": Decimal(6)}
"""Times the standard price, where the table has no fast price of its own."""

NO_REGIONS: Final = frozenset(
    {
        "claude-2",
        "claude-v1",
        "claude-3-haiku",
        "claude-3-sonnet",
        "claude-3-opus-latest",
        "claude-3-5-haiku-latest",
        "claude-3-5-sonnet",
        "claude-3-7-sonnet-latest",
        "claude-sonnet-4-0",
        "claude-sonnet-4-5",
        "claude-opus-4-0",
        "claude-opus-4-1",
        "claude-opus-4-5",
        "claude-haiku-4-5",
    }
)
"""Models before the 4.6 generation: they have no `inference_geo`, and one price for anywhere."""

CLIFFS: Final = {"claude-sonnet-4-0": (200_000, Decimal(2), Decimal("1.5"))}
"""Prompt tokens that have to be exceeded, then times the price of input kinds, and of output."""

ALIASES: Final = {"claude-2.0": "claude-2", "claude-2.1": "claude-2"}
"""Names that the table means by one entry (`Claude 2.0 / 2.1`) without listing them."""

MINIMUM_CACHEABLE: Final = {
    **dict.fromkeys(
        (
            "claude-fable-5",
            "claude-fable-5-1",
            "claude-mythos-5",
            "claude-mythos-5-1",
            "claude-opus-5",
            "claude-opus-5-5",
            "claude-sonnet-5-5",
            "claude-haiku-5-5",
        ),
        512,
    ),
    **dict.fromkeys(
        (
            "claude-opus-4-8",
            "claude-opus-4-1",
            "claude-opus-4-0",
            "claude-sonnet-5",
            "claude-sonnet-4-6",
            "claude-sonnet-4-5",
            "claude-sonnet-4-0",
            "claude-3-7-sonnet-latest",
            "claude-3-5-sonnet",
            "claude-3-opus-latest",
        ),
        1_024,
    ),
    **dict.fromkeys(("claude-opus-4-7", "claude-3-5-haiku-latest", "claude-3-haiku"), 2_048),
    **dict.fromkeys(("claude-opus-4-6", "claude-opus-4-5", "claude-haiku-4-5"), 4_096),
}
"""Tokens of the shortest prompt that is cached. Fable 5.2 and Mythos 5.2 are documented nowhere."""
