"""`tokentape record`: one session to one cassette, for a command or until Ctrl-C.

It exits with the command's status, and with 1 where the command did well and an exchange was lost: a
cassette with a hole is no recording.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options
from tokentape.cli.replay import WithCommand

if TYPE_CHECKING:
    from tokentape.cli.launch import Proxy
    from tokentape.cli.options import Settings
    from tokentape.cli.recording import Recording


@click.command(cls=WithCommand, short_help="Record a session to a cassette.")
@click.argument("cassette")
@options("record")
@click.pass_obj
def record(command: tuple[str, ...], /, cassette: str, **flags: Any) -> None:
    """Record what goes through a proxy of its own to CASSETTE, for COMMAND or until Ctrl-C.

    CASSETTE is a file in vcrpy's format, .yaml or .json, with secrets redacted; it is written at the end,
    all at once. COMMAND finds the proxy in ANTHROPIC_BASE_URL. Exchanges that could not be recorded whole
    are named, and make the exit status 1.
    """
    import asyncio

    from tokentape.cli.child import program
    from tokentape.cli.errors import require_posix
    from tokentape.cli.settings import load_here

    require_posix()
    settings = load_here(flags, "record")
    if command:
        command = (program(command[0]), *command[1:])

    from tokentape.cli.recording import recording_to_cassette

    with recording_to_cassette(cassette, settings) as recording:
        status = asyncio.run(_record(recording, settings, command))
    click.get_current_context().exit(status)


async def _record(recording: Recording, settings: Settings, command: tuple[str, ...]) -> int:
    from tokentape.cli.launch import Proxy
    from tokentape.cli.recording import report

    proxy = Proxy(settings, keep_totals=True, recording=recording)
    status = await (_run(proxy, settings, command) if command else _serve(proxy, settings))
    outcome = proxy.recorded
    assert outcome is not None
    for line in report(outcome):
        _say(line)
    return status or int(bool(outcome.lost or outcome.errors))


async def _run(proxy: Proxy, settings: Settings, command: tuple[str, ...]) -> int:
    from tokentape.cli.child import run_child
    from tokentape.cli.run import announce, base_url, child_environment, report_totals

    async with proxy:
        announce(proxy, settings)
        environment = child_environment(os.environ, base_url(proxy.base_url, settings))
        status = await run_child(command, environment)
    if proxy.totals is not None:
        report_totals(proxy.totals)
    return status


async def _serve(proxy: Proxy, settings: Settings) -> int:
    from tokentape.cli.run import announce, base_url, report_totals
    from tokentape.cli.signals import StopSignals

    with StopSignals() as signals:
        signals.later = proxy.kill
        async with proxy:
            announce(proxy, settings)
            click.echo(f"export ANTHROPIC_BASE_URL={base_url(proxy.base_url, settings)}")
            await signals.first.wait()
    if proxy.totals is not None:
        report_totals(proxy.totals)
    return 0


def _say(line: str) -> None:
    click.echo(f"tokentape: {line}", err=True)
