"""The `model` label: how a model is called on metrics."""

from __future__ import annotations

import functools
import re
from typing import Final

NO_MODEL: Final = "none"
"""The label of calls that name no model, such as `GET /v1/files`."""

MAX_MODEL: Final = 100
"""Characters of a label."""

_SUFFIX: Final = re.compile(r"(?:-\d{8}|\[[^\[\]]*\])$")


@functools.lru_cache(maxsize=1024)
def model_label(model: str | None) -> str:
    """A model's name less a trailing `-YYYYMMDD` and a `[...]` suffix, in any order; `none` for none.

    >>> model_label("claude-sonnet-4-5-20250929[1m]")
    'claude-sonnet-4-5'
    """
    if not model:
        return NO_MODEL
    label = model[:MAX_MODEL]
    for _ in range(2):
        label = _SUFFIX.sub("", label)
    return label or NO_MODEL
