"""Content hooks for tests."""

from __future__ import annotations

from typing import Any


def upper(text: str) -> str:
    return text.upper()


def broken(text: str) -> str:
    raise RuntimeError(text)


def silent(text: str) -> Any:
    del text
