"""`python -m tokentape.recorder.standin`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
import sys

from tokentape.recorder.standin.behaviour import BehaviourError, Settings, read_settings
from tokentape.recorder.standin.books import Books
from tokentape.recorder.standin.server import StandIn, runner


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, or until the lifeline ends."""
    parser = argparse.ArgumentParser(prog="python -m tokentape.recorder.standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0: a free one")
    parser.add_argument("--behaviour", default="{}", help="fields of Settings, as JSON")
    parser.add_argument(
        "--lifeline", type=int, help="a file descriptor: serve until it ends (0: standard input)"
    )
    options = parser.parse_args(arguments)
    try:
        settings = read_settings(options.behaviour)
        Books().find(settings)
    except BehaviourError as error:
        parser.error(f"--behaviour: {error}")
    runner()(_serve(settings, options.host, options.port, options.lifeline))


async def _serve(settings: Settings, host: str, port: int, lifeline: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    async with StandIn(settings, host=host, port=port) as standin:
        if lifeline is not None:
            loop.add_reader(lifeline, stop.set)
        # What was imported never becomes garbage: keep the collector away from it.
        gc.freeze()
        sys.stdout.write(f"listening on {standin.url}\n")
        sys.stdout.flush()
        await stop.wait()
        if lifeline is not None:
            loop.remove_reader(lifeline)


if __name__ == "__main__":
    main()
