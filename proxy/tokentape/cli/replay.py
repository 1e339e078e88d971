"""`tokentape replay`: cassettes served as the API, for a command or until Ctrl-C.

A miss makes the exit status 1 even where the command itself succeeded: an application that swallows the
exception passes its own test for the wrong reason.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from tokentape.cli.options import options
from tokentape.cli.values import Address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tokentape.cli.options import Settings
    from tokentape.recorder.cassette.store import Loaded
    from tokentape.recorder.faults.book import Book
    from tokentape.recorder.replay.desk import Desk

_KEY: Final = "replayed-needs-no-key"
"""The credential of a command that has none: SDKs refuse to send a request without one."""
_CREDENTIALS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


class WithCommand(click.Command):
    """A command line that may end with `-- COMMAND...`, which is kept apart from the arguments before."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut the line at `--`; what is behind it is in `ctx.obj`."""
        place = args.index("--") if "--" in args else len(args)
        ctx.obj = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show it in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@click.command(cls=WithCommand, short_help="Serve cassettes as the API.")
@click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...")
@options("replay")
@click.pass_obj
def replay(command: tuple[str, ...], /, cassettes: tuple[str, ...], **flags: Any) -> None:
    """Serve recorded replies, for COMMAND or until Ctrl-C. Nothing ever reaches the real API.

    CASSETTE is a file, a folder of them, or NAME=FILE. With several, a client chooses by its base_url,
    http://HOST:PORT/@cassette=NAME, and keeps a state of its own with /@cassette=NAME,session=ID. COMMAND
    finds the address in ANTHROPIC_BASE_URL. A request without a recording is refused with what to do, and
    makes the exit status 1.
    """
    import asyncio

    from tokentape.cli.child import program
    from tokentape.cli.played import Reports
    from tokentape.cli.settings import load_here

    settings = load_here(flags, "replay")
    paths = _paths(cassettes)
    loaded = {name: _load(path) for name, path in paths.items()}
    found = {name: each.cassette for name, each in loaded.items()}
    reports = Reports(settings.played, paths, found) if settings.played else None
    desk = _desk(paths, loaded, settings, command)
    if command:
        command = (program(command[0]), *command[1:])
    status = asyncio.run(_replay(desk, settings, command))
    if reports is not None:
        reports.write(desk.shelf.totals.played)
    click.get_current_context().exit(status)


def _paths(arguments: tuple[str, ...]) -> dict[str, Path]:
    from tokentape.cli.errors import FailedError
    from tokentape.recorder.replay.naming import NamingError, named_paths

    try:
        return named_paths(arguments)
    except NamingError as error:
        raise FailedError(str(error)) from None


def _desk(
    paths: Mapping[str, Path], loaded: Mapping[str, Loaded], settings: Settings, command: tuple[str, ...]
) -> Desk:
    """What answers. The command, as it was given, is part of what a miss tells to run.

    Raises:
        click.ClickException: a fault is none.
    """
    import msgspec

    from tokentape.recorder.matching.rules import Rules
    from tokentape.recorder.replay.desk import Desk
    from tokentape.recorder.replay.sessions import shelf_of
    from tokentape.recorder.scrubbing.policy import Policy

    policy = msgspec.convert(settings.redact, Policy)
    book = _book(settings)
    shelf = shelf_of(
        {name: each.cassette for name, each in loaded.items()},
        mode=settings.match,
        after_last=settings.after_last,
        rules=msgspec.convert(settings.volatile, Rules),
        policy=policy,
        hint=lambda name: _hint(paths[name], command),
        entries={name: each.entry for name, each in loaded.items()},
    )
    return Desk(shelf, speed=settings.speed, policy=policy, book=book, log=_say)


def _hint(path: Path, command: tuple[str, ...]) -> str:
    import shlex

    # `--append`: the cassette is there, and a recording refuses to write over it.
    recording = ("tokentape", "record", str(path), "--append", *(("--", *command) if command else ()))
    return f"To record it: {shlex.join(recording)}"


def _load(path: Path) -> Loaded:
    from tokentape.cli.errors import FailedError
    from tokentape.recorder.cassette.errors import CassetteError
    from tokentape.recorder.cassette.store import load_with_entry

    try:
        return load_with_entry(path)
    except CassetteError as error:
        raise FailedError(str(error)) from None


def _book(settings: Settings) -> Book:
    from tokentape.cli.errors import UsageError
    from tokentape.recorder.faults.book import Book
    from tokentape.recorder.faults.chaos import read_chaos
    from tokentape.recorder.faults.fault import FaultError
    from tokentape.recorder.faults.spec import read_faults

    try:
        chaos = read_chaos(settings.chaos, seed=settings.seed) if settings.chaos else None
        return Book(read_faults(settings.fault), chaos=chaos)
    except FaultError as error:
        raise UsageError(str(error)) from None


def _say(line: str) -> None:
    click.echo(f"tokentape: {line}", err=True)


async def _replay(desk: Desk, settings: Settings, command: tuple[str, ...]) -> int:
    from urllib.parse import quote

    from tokentape.cli.listeners import open_port
    from tokentape.recorder.replay.report import missed, summary
    from tokentape.recorder.replay.server import ReplayServer

    listener = open_port(settings.listen, "--listen")
    async with ReplayServer(desk, listener=listener) as server:
        url = f"http://{Address(settings.listen.host, server.port).reachable}"
        if len(names := desk.shelf.names) > 1:
            example = quote(names[0], safe="")
            _say(f"{len(names)} cassettes: choose one by {url}/@cassette=NAME, such as {example}")
        async with _way_in(settings, url) as address:
            status = await (
                _run(command, url, settings, address) if command else _wait(url, settings, address)
            )
    for line in summary(desk.shelf):
        _say(line)
    return status or int(missed(desk.shelf))


def _way_in(settings: Settings, url: str) -> AbstractAsyncContextManager[Address | None]:
    """The intercept before the server, where one was asked for."""
    import contextlib

    if not settings.intercept:
        return contextlib.nullcontext()

    from tokentape.cli.errors import require_posix
    from tokentape.cli.intercepting import intercepting

    require_posix()
    return intercepting(settings, url)


async def _wait(url: str, settings: Settings, address: Address | None) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    click.echo(f"export ANTHROPIC_BASE_URL={url}")
    if address is not None:
        from tokentape.cli.intercepting import lines_to_copy

        for line in lines_to_copy(address, settings.intercept_hosts):
            click.echo(line)
    sys.stdout.flush()
    if sys.platform == "win32":
        await _until_interrupted()
    else:
        from tokentape.cli.signals import StopSignals

        with StopSignals() as signals:
            await signals.first.wait()
    return 0


async def _until_interrupted() -> None:
    """Ctrl-C where the event loop takes no signals."""
    import asyncio
    import contextlib

    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def _run(command: tuple[str, ...], url: str, settings: Settings, address: Address | None) -> int:
    """Serve a command, to its end; its status."""
    import asyncio

    from tokentape.cli.child import run_child

    if address is None:
        environment = _environment(os.environ, url)
    else:
        from tokentape.cli.intercepting import intercepted_for

        environment = _with_key(intercepted_for(os.environ, address, settings.intercept_hosts))
    if sys.platform == "win32":
        process = await asyncio.create_subprocess_exec(*command, env=environment)
        return await process.wait()
    return await run_child(command, environment)


def _environment(environment: Mapping[str, str], url: str) -> dict[str, str]:
    """The environment of the command: calls go to the server, and need no key."""
    from tokentape.cli.run import child_environment

    return _with_key(child_environment(environment, url))


def _with_key(environment: dict[str, str]) -> dict[str, str]:
    if any(environment.get(name) for name in _CREDENTIALS):
        return environment
    return {**environment, "ANTHROPIC_API_KEY": _KEY}
