"""`tokentape up`: run the proxy until Ctrl-C or SIGTERM."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from tokentape.cli.launch import Proxy
    from tokentape.cli.options import Settings
    from tokentape.cli.recording import Recording
    from tokentape.recorder.recording.outcome import Outcome


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
    settings = load_here(flags, "up")

    from tokentape.cli.recording import recording_to_folder

    with recording_to_folder(settings) as recording:
        asyncio.run(_up(settings, recording))


async def _up(settings: Settings, recording: Recording | None) -> None:
    from tokentape.cli.launch import Proxy
    from tokentape.cli.signals import StopSignals

    terminal = sys.stdout.isatty()
    with StopSignals() as signals:
        proxy = Proxy(settings, console=terminal and settings.request_log != "-", recording=recording)
        signals.later = proxy.kill
        async with proxy:
            _announce(proxy, settings, terminal=terminal)
            await signals.first.wait()
            if terminal:
                click.echo(f"\nReplies under way have {settings.drain:g} s to finish; Ctrl-C again ends now.")
        if proxy.recorded is not None:
            _report(proxy.recorded)


def _announce(proxy: Proxy, settings: Settings, *, terminal: bool) -> None:
    # Where stdout is for the request log, nothing else is written to it.
    err = settings.request_log == "-"
    click.echo(f"export ANTHROPIC_BASE_URL={proxy.base_url}", err=err)
    click.echo(f"metrics {proxy.metrics_url}", err=err)
    if proxy.intercept_address is not None:
        from tokentape.cli.intercepting import lines_to_copy

        for line in lines_to_copy(proxy.intercept_address, settings.intercept_hosts):
            click.echo(line, err=err)
    if proxy.exporting_line:
        click.echo(proxy.exporting_line, err=err)
    if terminal:
        click.echo(f"Calls go to {settings.upstream}. Ctrl-C stops.\n", err=err)


def _report(recorded: Outcome) -> None:
    from tokentape.cli.recording import report

    for line in report(recorded):
        click.echo(f"tokentape: {line}", err=True)
