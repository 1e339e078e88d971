"""`tokentape demo`: live numbers without a key and without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from tokentape.cli.options import Settings


@click.command(short_help="Show live numbers: no key, no network.")
@options("demo")
def demo(**flags: Any) -> None:
    """Drive the official SDK through the proxy, against a stand-in for the API, and show what /metrics says.

    With --once it ends by itself; otherwise some traffic goes on, for a scraper to see, until Ctrl-C
    or SIGTERM.
    """
    import asyncio

    from tokentape.cli.errors import FailedError, require_posix
    from tokentape.cli.settings import load_here

    require_posix()
    settings = load_here(flags, "demo")
    try:
        from tokentape.cli.demo.clients import check_version
    except ImportError:
        raise FailedError("The demo drives the official SDK: pip install 'tokentape[demo]'.") from None
    check_version()
    asyncio.run(_demo(settings))


async def _demo(settings: Settings) -> None:
    from rich.console import Console

    from tokentape.cli.demo.play import play

    await play(settings, Console(highlight=False))
