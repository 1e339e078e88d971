"""Write what commands print into a page: `python -m tests.support.reports_page docs/reports.md`.

Every `tokentape ...` in a block of its own that is followed by a block of text is run on a ledger of made-up
calls, and the text is what it prints.
"""

from __future__ import annotations

import contextlib
import random
import re
import shlex
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from click.testing import CliRunner
from tests.proxy.ledger.cases import record
from tests.proxy.pricing.paid_calls import book, paid

from tokentape.cli.main import main
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.messages.call import Timings
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.proxy.messages.call import Call

_EXAMPLE: Final = re.compile(r"```sh\n(tokentape [^\n]*)\n```\n\n```text\n.*?```\n", re.DOTALL)
_MODELS: Final = ("claude-opus-5", "claude-sonnet-5", "claude-sonnet-5", "claude-haiku-4-5-20251001")
_NOVEMBER: Final = datetime(2026, 11, 1, 8, tzinfo=UTC)


def example_calls() -> Iterator[Call]:
    """Three days of two projects, in which a key was replaced."""
    chance = random.Random(5)
    for number in range(600):
        at = _NOVEMBER + timedelta(minutes=7.1 * number)
        short = chance.random() < 0.03
        yield paid(
            chance.choice(_MODELS),
            at=at.timestamp(),
            id=f"relay-0-1:{number}",
            request_id=f"req_{number:06}",
            input=chance.randrange(200, 2_000),
            read=chance.choice((0, 12_000, 30_000)),
            w5m=chance.choice((0, 0, 4_000)),
            output=chance.randrange(50, 1_500),
            project=("checkout", "search")[number % 3 == 0],
            credential=("9f1c2a", "41be07")[number > 340],
            session=f"s-{number // 40}",
            stop_reason="max_tokens" if short else "end_turn",
            stream=True,
            timings=Timings(duration=2.0 + 5 * chance.random(), first_token_any=0.3 + chance.random()),
        )
    yield msgspec.structs.replace(
        paid("claude-next-1", at=_NOVEMBER.timestamp(), id="relay-0-1:600", input=900, output=90),
        project="search",
    )


def make_ledger(folder: Path) -> str:
    """Write the calls with their bills; where."""
    path = str(folder / "ledger.sqlite3")
    record(locate(path), ((call, price(call, book())) for call in example_calls()))
    return path


def printed(command: str, ledger: str) -> str:
    """What a command prints."""
    arguments = shlex.split(command)[1:]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        result = CliRunner(env={"TOKENTAPE_LEDGER": ledger}).invoke(main, arguments)
    if result.exit_code:
        raise SystemExit(f"{command}: {result.output}")
    return "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines())


def renewed(page: str) -> str:
    """A page with what its commands print now."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = make_ledger(Path(folder))
        return _EXAMPLE.sub(
            lambda found: f"```sh\n{found[1]}\n```\n\n```text\n{printed(found[1], ledger)}```\n", page
        )


if __name__ == "__main__":
    path = Path(sys.argv[1]).absolute()
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
