"""`tokentape`: the command line. Each command is a module; what it runs is imported when it runs."""

from __future__ import annotations

import click

from tokentape.cli.asking.calls import calls
from tokentape.cli.asking.prices import prices
from tokentape.cli.asking.report import report
from tokentape.cli.authority import intercept
from tokentape.cli.cassette.group import cassette
from tokentape.cli.dashboards import dashboards
from tokentape.cli.demo.command import demo
from tokentape.cli.doctor.command import doctor
from tokentape.cli.record import record
from tokentape.cli.replay import replay
from tokentape.cli.run import run
from tokentape.cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tokentape", message="tokentape %(version)s")
def main() -> None:
    """Meter the tokens and keep the tape: a local proxy for Anthropic's Messages API.

    Point a client's base_url at the proxy, and every call shows up on /metrics with its tokens, cache
    reads and writes, latency and stop reason. Every option can also be set by a variable TOKENTAPE_...
    or a file: docs/configuration.md.
    """


for command in (
    up,
    run,
    record,
    demo,
    replay,
    cassette,
    report,
    calls,
    prices,
    intercept,
    dashboards,
    doctor,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
