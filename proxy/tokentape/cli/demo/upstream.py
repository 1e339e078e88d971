"""The stand-in upstream as a process of its own, for as long as a context lasts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tokentape.cli.errors import FailedError
from tokentape.cli.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_START_SECONDS: Final = 20.0
_ANNOUNCEMENT: Final = "listening on "


@contextlib.asynccontextmanager
async def stand_in() -> AsyncGenerator[str]:
    """Start the stand-in, yield its URL, end it.

    Its standard input is its lifeline: it ends with this process, however that ends.

    Raises:
        FailedError: it does not start.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tokentape.recorder.standin", "--lifeline", "0"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield await _announced_url(process.stdout)
    finally:
        process.stdin.close()
        await process.wait()


async def _announced_url(output: asyncio.StreamReader) -> str:
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = (await output.readline()).decode().strip()
    except TimeoutError:
        line = ""
    if not line.startswith(_ANNOUNCEMENT):
        raise FailedError("The stand-in upstream did not start: what it wrote above says why.")
    return line.removeprefix(_ANNOUNCEMENT)


def requests_answered(url: str) -> int:
    """How many requests the stand-in has read to their end."""
    totals: dict[str, int] = json.loads(fetch(f"{url}/.standin/totals").body)
    return totals["requests"]
