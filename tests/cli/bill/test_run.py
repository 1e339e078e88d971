"""One command and its bill: in the user's own ledger, by the newest prices, at the end on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.bill import report
from tests.support.price_payload import published
from tests.support.proxy import PATIENCE, clean_environment

from tokentape.proxy.pricing.snapshot import read_published, write_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.billed_upstream import BilledUpstream

pytestmark = pytest.mark.slow
USAGE = {"input_tokens": 1_000_000, "output_tokens": 0}
CALL = f"""
import json, os, urllib.request
content = json.dumps({USAGE!r})
body = {{"model": "claude-opus-5", "max_tokens": 9, "messages": [{{"role": "user", "content": content}}]}}
headers = {{"content-type": "application/json", "x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01"}}
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)).read()
"""


def run(upstream: BilledUpstream, folder: Path, *options: str) -> list[str]:
    """What `tokentape run` says on stderr of a command that makes one call."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tokentape.cli.main", "run", "--upstream", upstream.url, *options),
            *("--", sys.executable, "-c", CALL),
        ],
        cwd=folder,
        env=clean_environment(XDG_DATA_HOME=str(folder)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    return done.stderr.splitlines()


def test_runs_share_the_users_ledger_and_its_budgets(upstream: BilledUpstream, tmp_path: Path) -> None:
    first = run(upstream, tmp_path, "--budget", "day=12")
    assert first[-1].split()[-2:] == ["5.0000", "5.0000"]
    assert not any("budget" in line for line in first)
    second = run(upstream, tmp_path, "--budget", "day=12")
    (told,) = (line for line in second if "budget" in line)
    assert told.startswith("tokentape: 80 % of the day's budget of all projects is spent: 10.00 of 12.00 USD")
    assert second[-1].split()[-2:] == ["5.0000", "5.0000"], "its own cost, not the ledger's"
    total = report(str(tmp_path / "tokentape" / "ledger.sqlite3"))["total"]
    assert (total["calls"], total["usd"]) == (2, 10)


def dearer(models: dict[str, Any]) -> None:
    models["claude-opus-5"]["prices"]["input_mtok"] = 7.25


def test_calls_are_priced_with_the_table_that_was_fetched_and_ones_own_discount(
    upstream: BilledUpstream, tmp_path: Path
) -> None:
    """10 per cent off 7.25 USD a million."""
    (tmp_path / "tokentape.toml").write_text("[prices]\ndiscount = 10\n", encoding="utf-8")
    now = datetime.now(UTC)
    write_snapshot(read_published(published(dearer), now), tmp_path / "tokentape" / "prices.json")
    assert run(upstream, tmp_path)[-1].split()[-2:] == ["6.5250", "6.5250"]
    total = report(str(tmp_path / "tokentape" / "ledger.sqlite3"))["total"]
    assert total["usd"] == Decimal("6.525")


def test_a_price_table_that_is_broken_is_as_none(upstream: BilledUpstream, tmp_path: Path) -> None:
    (tmp_path / "tokentape").mkdir()
    (tmp_path / "tokentape" / "prices.json").write_text(json.dumps({"fetched_at": "then"}), encoding="utf-8")
    assert run(upstream, tmp_path)[-1].split()[-2:] == ["5.0000", "5.0000"]
