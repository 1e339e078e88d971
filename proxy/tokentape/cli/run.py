"""`tokentape run`: one command behind a proxy of its own.

The command has the terminal: its stdin, stdout and stderr are untouched, and what the proxy has to say
goes to stderr, before and after.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentape.cli.launch import Proxy
    from tokentape.cli.options import Settings
    from tokentape.cli.totals import Totals

TOOL_SEARCH: Final = "ENABLE_TOOL_SEARCH"


@click.command(
    short_help="Run one command behind a proxy.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@options("run")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def run(command: tuple[str, ...], **flags: Any) -> None:
    """Run one command with ANTHROPIC_BASE_URL set to a proxy of its own, then say what it used.

    With --intercept it gets an HTTPS_PROXY instead, and is asked to trust its certificates. The proxy takes
    a free port. Terminal and signals go to the command, and its exit status is returned;
    as in a shell, 128 + N where signal N ended it, 126 or 127 where it could not be started.
    """
    import asyncio

    from tokentape.cli.child import program
    from tokentape.cli.errors import require_posix
    from tokentape.cli.settings import load_here

    require_posix()
    settings = load_here(flags, "run")
    path = program(command[0])
    click.get_current_context().exit(asyncio.run(_run([path, *command[1:]], settings)))


async def _run(command: list[str], settings: Settings) -> int:
    from tokentape.cli.child import run_child
    from tokentape.cli.launch import Proxy

    proxy = Proxy(settings, keep_totals=True, labels=intercepted_labels(settings))
    async with proxy:
        announce(proxy, settings)
        environment = _environment(command, proxy, settings)
        status = await run_child(command, environment)
    if proxy.totals is not None:
        report_totals(proxy.totals)
    return status


def _environment(command: list[str], proxy: Proxy, settings: Settings) -> dict[str, str]:
    """The command's, which says what was set for it where that is not the base_url alone."""
    if proxy.intercept_address is not None:
        from tokentape.cli.intercepting import intercepted_for

        return intercepted_for(os.environ, proxy.intercept_address, settings.intercept_hosts)
    environment = child_environment(os.environ, base_url(proxy.base_url, settings))
    if is_claude(command) and keeps_tool_search(os.environ, settings.upstream):
        click.echo(
            f"tokentape: {TOOL_SEARCH}=true is set for Claude Code, which else loads all tools", err=True
        )
        environment[TOOL_SEARCH] = "true"
    return environment


def is_claude(command: Sequence[str]) -> bool:
    """Whether a command is Claude Code."""
    return os.path.basename(command[0]) == "claude"  # noqa: PTH119 - the text decides


def keeps_tool_search(environment: Mapping[str, str], upstream: str) -> bool:
    """Whether to keep what Claude Code switches off behind a base_url that is not Anthropic's.

    https://code.claude.com/docs/en/env-vars: it is safe where tool_reference blocks pass, and behind this
    proxy is the API itself.
    """
    from tokentape.cli.options import BY_NAME

    return TOOL_SEARCH not in environment and upstream == BY_NAME["upstream"].default


def intercepted_labels(settings: Settings) -> str:
    """The labels of the command, for calls that have no base_url to carry them."""
    from pathlib import Path

    from tokentape.cli.autotag import git_labels, label_text

    tags = git_labels(Path.cwd()) if settings.autotag else []
    return label_text([*tags, *settings.label])


def base_url(proxy_url: str, settings: Settings) -> str:
    """The proxy's address with the labels of the command."""
    from pathlib import Path

    from tokentape.cli.autotag import git_labels, labelled

    tags = git_labels(Path.cwd()) if settings.autotag else []
    return labelled(proxy_url, [*tags, *settings.label])


def child_environment(environment: Mapping[str, str], url: str) -> dict[str, str]:
    """The environment of the command: calls go to the proxy, not past it through a forward proxy."""
    changed = {**environment, "ANTHROPIC_BASE_URL": url}
    if any(environment.get(name) for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")):
        for name in ("NO_PROXY", "no_proxy"):
            changed[name] = ",".join(filter(None, (environment.get(name), "127.0.0.1,localhost")))
    return changed


def announce(proxy: Proxy, settings: Settings) -> None:
    """What is worth saying before the command has the terminal."""
    from tokentape.cli.options import BY_NAME

    if settings.upstream != BY_NAME["upstream"].default:
        click.echo(f"tokentape: calls go to {settings.upstream}", err=True)
    if proxy.metrics_url is not None:
        click.echo(f"tokentape: metrics {proxy.metrics_url}", err=True)
    if proxy.exporting_line:
        click.echo(f"tokentape: {proxy.exporting_line}", err=True)


def report_totals(totals: Totals) -> None:
    """What it used and what it cost."""
    click.echo(summary(totals), err=True)
    if totals.models:
        from tokentape.cli.asking.bill_of import report_of
        from tokentape.cli.asking.out import console, print_whole
        from tokentape.cli.asking.report_view import beside, tables

        report = report_of(totals)
        out = console(stderr=True)
        print_whole(out, *tables(report))
        if told := beside(report.total):
            out.print(f"\n{told}")


def summary(totals: Totals) -> str:
    """What the command used, in one line or two."""
    tokens = totals.tokens
    ratio = "" if tokens.hit_ratio is None else f", hit ratio {tokens.hit_ratio:.0%}"
    unmetered = sum(totals.unmetered.values())
    aborted = f", {totals.aborted:,} aborted" if totals.aborted else ""
    lost = f", {unmetered:,} more not metered" if unmetered else ""
    line = f"tokentape: {_counted(totals.calls, 'call')}, {_counted(totals.errors, 'error')}{aborted}{lost}"
    if not totals.calls:
        return line
    return (
        f"{line}\n           tokens: input {tokens.input:,}, cache read {tokens.cache_read:,}, "
        f"cache write {tokens.cache_write:,}, output {tokens.output:,}{ratio}"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
