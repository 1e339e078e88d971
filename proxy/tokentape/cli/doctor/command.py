"""`tokentape doctor`: what each client needs, and proof that it works."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from tokentape.cli.doctor.finding import Finding
    from tokentape.cli.options import Settings

NAMES = ("python", "typescript", "curl", "langchain", "claude-code")


@click.command(short_help="Check the set-up; say what each client needs.")
@click.argument("client", required=False, type=click.Choice(NAMES))
@options("doctor")
def doctor(client: str | None, **flags: Any) -> None:
    """Check ports, upstream and versions, and say how to point CLIENT, or any client, at the proxy.

    One free call without a key is sent: through the proxy where it runs, else straight to the upstream;
    and straight to the upstream too where the first fails, or where --upstream names another than the
    running proxy has. Exits with 1 where something is wrong.
    """
    from rich.console import Console

    from tokentape.cli.doctor.checks import check
    from tokentape.cli.doctor.finding import Verdict
    from tokentape.cli.settings import load_here

    settings = load_here(flags, "doctor")
    console = Console(highlight=False, soft_wrap=True)
    assert settings.admin is not None
    verdicts: set[Verdict] = set()
    asked = flags["upstream"] is not None
    for finding in check(settings.listen, settings.admin, settings.upstream, os.environ, asked=asked):
        _show(console, finding)
        verdicts.add(finding.verdict)
    _show_clients(console, settings, client, os.environ)
    click.get_current_context().exit(1 if Verdict.BAD in verdicts else 0)


def _show(console: Console, finding: Finding) -> None:
    from rich.text import Text

    style = {"✓": "green", "·": "dim", "✗": "red"}[finding.verdict.value]
    console.print(Text.assemble((finding.verdict.value, style), f" {finding.text}"))


def _show_clients(
    console: Console, settings: Settings, name: str | None, environment: Mapping[str, str]
) -> None:
    from rich.text import Text

    from tokentape.cli.doctor.clients import CLIENTS

    base_url = f"http://{settings.listen.reachable}"
    for client in (client for client in CLIENTS if name in {None, client.name}):
        console.print(Text(f"\n{client.title}", style="bold"))
        for line in client.lines_for(base_url):
            console.print(Text(f"  {line}"))
        if name:
            for remark in client.notes_for(base_url):
                console.print(Text(f"  - {remark}"))
            _show_environment(console, base_url, environment)


def _show_environment(console: Console, base_url: str, environment: Mapping[str, str]) -> None:
    from rich.text import Text

    here = environment.get("ANTHROPIC_BASE_URL")
    state = "is not set in this shell" if here is None else f"is {here} in this shell"
    works = here is not None and here.startswith(base_url)
    console.print(
        Text(f"  - ANTHROPIC_BASE_URL {state}{'.' if works or here is None else ', not the proxy.'}")
    )
