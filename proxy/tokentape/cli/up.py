"""`tokentape up`: run the proxy until Ctrl-C or SIGTERM."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from tokentape.cli.launch import Proxy
    from tokentape.cli.options import Settings


@click.command(short_help="Run the proxy until Ctrl-C.")
@options("up")
def up(**flags: Any) -> None:
    """Run the proxy until Ctrl-C or SIGTERM; what is under way may finish for --drain seconds.

    Point clients at the base_url that is printed. A second Ctrl-C ends everything at once.
    """
    import asyncio

    from tokentape.cli.errors import require_posix
    from tokentape.cli.settings import load_here

    require_posix()
    asyncio.run(_up(load_here(flags, "up")))


async def _up(settings: Settings) -> None:
    from tokentape.cli.launch import Proxy
    from tokentape.cli.signals import StopSignals

    terminal = sys.stdout.isatty()
    with StopSignals() as signals:
        proxy = Proxy(settings, console=terminal)
        signals.later = proxy.kill
        async with proxy:
            _announce(proxy, settings, terminal=terminal)
            await signals.first.wait()
            if terminal:
                click.echo(f"\nReplies under way have {settings.drain:g} s to finish; Ctrl-C again ends now.")


def _announce(proxy: Proxy, settings: Settings, *, terminal: bool) -> None:
    click.echo(f"export ANTHROPIC_BASE_URL={proxy.base_url}")
    click.echo(f"metrics {proxy.metrics_url}")
    if terminal:
        click.echo(f"Calls go to {settings.upstream}. Ctrl-C stops.\n")
