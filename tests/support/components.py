"""Real components that tests drive: what happens where one is missing, and waiting for one that starts."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def missing(reason: str) -> NoReturn:
    """A component is not there: a skip, and a failure in CI."""
    if os.environ.get("TOKENTAPE_CI_STRICT") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def wait_until(what: str, condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for another process; AssertionError when it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain until {what}")
        time.sleep(0.1)
