"""Tests on an event loop of their own, which may leave nothing behind and nothing uncaught."""

from __future__ import annotations

import asyncio
import functools
import warnings
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
PATIENCE = 20.0
"""Seconds after which a test that waits has failed. Never waited for where all is well."""


def on_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on a uvloop of its own; what nobody caught in the loop fails it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        try:
            runner.run(watched(test(*args, **kwargs)))
        except BaseException:
            # What a failed test left open is not what it failed for.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                runner.close()
            raise
        runner.close()

    return run


async def watched(work: Coroutine[Any, Any, None]) -> None:
    """Await the work; raise what the loop reported meanwhile."""
    reports: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context))
    await work
    assert reports == []


async def eventually(condition: Callable[[], object]) -> None:
    """Give the loop turns until the condition holds."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "this never came true"
        await asyncio.sleep(0.001)
