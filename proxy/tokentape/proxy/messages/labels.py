"""Labels that a user puts on calls: `project=checkout,team=search` in a path segment or a header."""

from __future__ import annotations

import functools
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LABELS: Final = 16
MAX_VALUE: Final = 128
"""Characters of a value; what is longer is cut."""

DEFAULT_PROJECT: Final = "default"

_KEY: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.\-]{0,63}")
_MAX_TEXT: Final = 8192


def is_label_key(text: str) -> bool:
    """Whether a label can have this key; a part with any other is left out by `parse_labels`."""
    return _KEY.fullmatch(text) is not None


@functools.lru_cache(maxsize=256)
def _parse(text: str) -> Mapping[str, str]:
    labels: dict[str, str] = {}
    for part in text[:_MAX_TEXT].split(","):
        key, equals, value = part.partition("=")
        key, value = unquote(key).strip(), unquote(value).strip()
        if not equals or not value or not is_label_key(key) or not value.isprintable():
            continue
        if key in labels or len(labels) < MAX_LABELS:
            labels[key] = value[:MAX_VALUE]
    return MappingProxyType(labels)


def parse_labels(text: str) -> dict[str, str]:
    """Labels of `key=value,key=value`, percent-decoded; the last of equal keys wins.

    The text comes from outside, so nothing is refused: a part without a plain key or with a value
    that cannot be printed is left out, a value is cut at 128 characters, and at most 16 are kept.
    """
    return dict(_parse(text)) if text else {}
