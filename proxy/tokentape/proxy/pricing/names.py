"""Names: when a model's name is one that a price table lists.

A price table that matches by prefix gives `claude-opus-4-10` the price of Opus 4.1. Here a name is
known when, less what only pins a version or a window, it equals a listed name. Nothing else is.
"""

from __future__ import annotations

import functools
import re
from typing import Final

MAX_NAME: Final = 128
"""Characters; a longer name is no listed one."""

_WINDOW: Final = re.compile(r"\[[^\[\]]*\]$")
_DATE: Final = re.compile(r"-\d{8}$")


@functools.lru_cache(maxsize=1024)
def bare_name(model: str) -> str:
    """A model's name in lower case, less `[...]`, `@...`, `-latest` and `-YYYYMMDD` at its end.

    >>> bare_name("claude-sonnet-4-5-20250929[1m]")
    'claude-sonnet-4-5'
    """
    if len(model) > MAX_NAME:
        return ""
    name = _WINDOW.sub("", model.lower()).partition("@")[0]
    return _DATE.sub("", name.removesuffix("-latest"))
