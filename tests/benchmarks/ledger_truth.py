"""Is the ledger true under load, over restarts and a death: `python -m tests.benchmarks.ledger_truth`.

Four runs of a paced load, 60 s in total, go through `tokentape up` onto one ledger: a clean restart after the
first, a kill -9 of the observer the moment the second ends, a clean restart after the third. Each run asks
another model, so that calls of one cannot make up for calls of another. Then, to the call and to 10^-12 USD:

- the ledger holds what the stand-in says it answered, less exactly the calls reported as unmetered or lost;
- its USD and its tokens are those of as many calls as it holds, priced by genai-prices itself;
- the counters, as last scraped before each clean stop, added up, and the rows that the killed observer had
  written are what the ledger holds.

Status 1 where one of these is not so. How old the newest row was at the moment of the kill is printed: what a
kill -9 loses is younger.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import psutil
from genai_prices import Usage, calc_price
from rich.console import Console
from rich.table import Table
from tests.benchmarks.children import HOST, await_answer, child, free_port
from tests.benchmarks.load import Running
from tests.benchmarks.paced import paced
from tests.benchmarks.traffic import MODEL, unary
from tests.benchmarks.upstream import upstream
from tests.support.proxy import parse_metrics

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Generator, Sequence

    from tests.benchmarks.load import Carried
    from tests.benchmarks.traffic import Traffic
    from tests.support.proxy import Metrics

MODELS: Final = ("claude-sonnet-5-5", "claude-haiku-4-5", "claude-opus-5", "claude-sonnet-4-5")
"""One a run."""
_SETTLE_SECONDS: Final = 60.0
_KINDS: Final = {"input": "input_tokens", "output": "output_tokens"}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Calls and tokens of one model, as somebody counted them."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Truth(msgspec.Struct, kw_only=True):
    """All that is compared."""

    sent: int = 0
    failed: int = 0
    standin: dict[str, Said] = {}
    """By model."""
    kept: dict[str, Said] = {}
    """By model, as the ledger has it."""
    usd: Decimal = Decimal(0)
    """Of the ledger."""
    unmetered: int = 0
    lost: int = 0
    counted: Counter[str] = msgspec.field(default_factory=Counter[str])
    """Last scrapes added up: calls, and each kind of tokens."""
    counted_usd: float = 0.0
    uncounted: Said = Said()
    """Rows of the observer that was killed: its counters died with it."""
    uncounted_usd: Decimal = Decimal(0)
    age: float = 0.0
    """Seconds between the end of the newest call in the ledger and the kill."""


def _ledger(path: Path) -> dict[str, tuple[Said, Decimal]]:
    """Calls, tokens and USD by model, from the rows themselves."""
    sums = "count(*), sum(input_tokens), sum(output_tokens), sum(usd)"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        rows = connection.execute(f"SELECT model, {sums} FROM calls GROUP BY model").fetchall()
    return {
        model: (Said(calls=calls, input_tokens=given, output_tokens=out), Decimal(usd) / 10**12)
        for model, calls, given, out, usd in rows
    }


def _lost(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        (rows,) = connection.execute("SELECT coalesce(sum(rows), 0) FROM losses").fetchone()
    return int(rows)


def _newest(path: Path) -> float:
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        (ended,) = connection.execute("SELECT max(ended_at) FROM calls").fetchone()
    return int(ended) / 1e6


def _said_by(standin: Running) -> dict[str, Said]:
    """What the stand-in says it answered to the last byte."""
    connection = HTTPConnection(HOST, standin.port, timeout=30)
    connection.request("GET", "/.standin/totals")
    totals = msgspec.json.decode(connection.getresponse().read())
    connection.close()
    return {
        model.partition("-2025")[0]: msgspec.convert(said, Said) for model, said in totals["models"].items()
    }


class _Proxy:
    """One life of `tokentape up`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, admin: int, ledger: Path) -> None:
        self._supervisor = psutil.Process(process.pid)
        self._admin = admin
        self._ledger = ledger
        self.running = Running(name="tokentape", port=port, admin=admin)

    def scrape(self) -> Metrics:
        connection = HTTPConnection(HOST, self._admin, timeout=30)
        connection.request("GET", "/metrics?settled=1", headers={"accept": "text/plain"})
        text = connection.getresponse().read().decode()
        connection.close()
        return parse_metrics(text)

    def settled(self, standin: Running, unmetered_before: int) -> Metrics:
        """A scrape once every answered call is in the ledger, unmetered or lost; or after a minute."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        answered = sum(said.calls for said in _said_by(standin).values())
        while time.monotonic() < deadline:
            unmetered = unmetered_before + int(self.scrape().value("tokentape_unmetered_calls_total"))
            if _sum(_ledger(self._ledger)).calls + unmetered + _lost(self._ledger) >= answered:
                break
            time.sleep(0.1)
        return self.scrape()

    def kill_observer(self, truth: Truth, before: dict[str, tuple[Said, Decimal]]) -> None:
        """kill -9, and note what it had written in this life, before there is another."""
        (observer,) = (each for each in self._supervisor.children() if "observer" in each.cmdline())
        self._supervisor.suspend()
        os.kill(observer.pid, signal.SIGKILL)
        killed = time.time()  # noqa: TID251 - compared with the ledger's wall clock
        psutil.wait_procs([observer], 0)
        truth.age = killed - _newest(self._ledger)
        after = _ledger(self._ledger)
        truth.uncounted = _less(_sum(after), _sum(before))
        truth.uncounted_usd = _usd(after) - _usd(before)
        self._supervisor.resume()


def _sum(found: dict[str, tuple[Said, Decimal]]) -> Said:
    return _added([said for said, _ in found.values()])


def _added(all_said: Sequence[Said]) -> Said:
    return Said(
        calls=sum(said.calls for said in all_said),
        input_tokens=sum(said.input_tokens for said in all_said),
        output_tokens=sum(said.output_tokens for said in all_said),
    )


def _less(one: Said, other: Said) -> Said:
    return Said(
        calls=one.calls - other.calls,
        input_tokens=one.input_tokens - other.input_tokens,
        output_tokens=one.output_tokens - other.output_tokens,
    )


def _usd(found: dict[str, tuple[Said, Decimal]]) -> Decimal:
    return sum((usd for _, usd in found.values()), Decimal(0))


@contextlib.contextmanager
def _proxy(standin: Running, folder: Path, ledger: Path, life: int) -> Generator[_Proxy]:
    port, admin, log = free_port(), free_port(), folder / f"tokentape-{life}.log"
    command = (
        *(sys.executable, "-m", "tokentape.cli.main", "up", "--ledger", str(ledger)),
        *("--listen", f"{HOST}:{port}", "--admin", f"{HOST}:{admin}"),
        *("--upstream", f"http://{HOST}:{standin.port}"),
    )
    with child(command, log) as process:
        await_answer(process, admin, "/readyz", log)
        await_answer(process, port, "/.tokentape/healthz", log)
        proxy = _Proxy(process, port, admin, ledger)
        while not proxy.scrape().value("tokentape_price_table_timestamp_seconds"):
            time.sleep(0.05)  # The first calls would wait for the prices.
        yield proxy


def measure(rate: float, seconds: float, say: Callable[[str], None]) -> Truth:
    """Put the load on, restart, kill, and count."""
    truth = Truth()
    with tempfile.TemporaryDirectory(prefix="tokentape-truth-") as name, contextlib.ExitStack() as stack:
        folder, ledger = Path(name), Path(name) / "ledger.sqlite3"
        standin = stack.enter_context(upstream(unary(4096), folder))
        models = iter(MODELS)

        def load(proxy: _Proxy) -> None:
            model = next(models)
            say(f"{model}: {rate:,.0f} calls/s for {seconds / len(MODELS):g} s")
            _add(truth, paced(_asking(model), rate=rate, seconds=seconds / len(MODELS))(proxy.running))

        for life, runs in enumerate((1, 2, 1)):
            with _proxy(standin, folder, ledger, life) as proxy:
                load(proxy)
                if runs == 2:
                    before = {} if not ledger.exists() else _before(ledger, MODELS[life])
                    proxy.kill_observer(truth, before)
                    load(proxy)
                metrics = proxy.settled(standin, truth.unmetered)
                _count(truth, metrics)
            say(f"life {life + 1} ended")
        truth.standin = _said_by(standin)
        found = _ledger(ledger)
        truth.kept = {model: said for model, (said, _) in found.items()}
        truth.usd = _usd(found)
        truth.lost = _lost(ledger)
    return truth


def _before(ledger: Path, model: str) -> dict[str, tuple[Said, Decimal]]:
    """What the ledger held before the life in which `model` was the first to be asked."""
    return {name: found for name, found in _ledger(ledger).items() if name != model}


def _asking(model: str) -> Traffic:
    traffic = unary(4096)
    return msgspec.structs.replace(traffic, body=traffic.body.replace(MODEL.encode(), model.encode(), 1))


def _add(truth: Truth, carried: Carried) -> None:
    truth.sent += carried.calls + carried.failed
    truth.failed += carried.failed


def _count(truth: Truth, metrics: Metrics) -> None:
    truth.unmetered += int(metrics.value("tokentape_unmetered_calls_total"))
    truth.counted["calls"] += int(metrics.value("tokentape_requests_total"))
    for kind, name in _KINDS.items():
        truth.counted[name] += int(metrics.value("tokentape_tokens_total", kind=kind))
    truth.counted_usd += metrics.value("tokentape_cost_usd_total")


def price_of(model: str, said: Said) -> Decimal:
    """What genai-prices says that one of these equal calls cost."""
    usage = Usage(
        input_tokens=said.input_tokens // said.calls, output_tokens=said.output_tokens // said.calls
    )
    return calc_price(usage, model, provider_id="anthropic").total_price


def differences(truth: Truth) -> list[str]:
    """What is not as it must be, a sentence each."""
    kept, standin = _added(list(truth.kept.values())), _added(list(truth.standin.values()))
    missing = standin.calls - kept.calls
    found: list[str] = []
    if missing != truth.unmetered + truth.lost:
        found.append(f"{missing} calls are not in the ledger; {truth.unmetered + truth.lost} are reported.")
    wanted = sum(
        (
            price_of(model, said) * truth.kept.get(model, Said()).calls
            for model, said in truth.standin.items()
        ),
        Decimal(0),
    )
    if wanted != truth.usd:
        found.append(f"The ledger says {truth.usd} USD; so many calls cost {wanted}.")
    for model, said in truth.standin.items():
        share = Said(
            calls=truth.kept.get(model, Said()).calls,
            input_tokens=said.input_tokens // said.calls * truth.kept.get(model, Said()).calls,
            output_tokens=said.output_tokens // said.calls * truth.kept.get(model, Said()).calls,
        )
        if share != truth.kept.get(model, Said()) or share.calls > said.calls:
            found.append(
                f"{model}: the ledger has {truth.kept.get(model, Said())}, the stand-in said {said}."
            )
    counted = Said(**truth.counted)
    if (rest := _less(kept, counted)) != truth.uncounted:
        found.append(f"The counters lack {rest}; the killed observer had written {truth.uncounted}.")
    if abs(truth.counted_usd + float(truth.uncounted_usd) - float(truth.usd)) > 1e-6 * float(truth.usd):
        found.append(
            f"The counters say {truth.counted_usd} USD, without {truth.uncounted_usd} of the killed."
        )
    return found


def table(truth: Truth) -> Table:
    """All figures."""
    shown = Table("", "calls", "input tokens", "output tokens", "USD")
    kept, standin = _added(list(truth.kept.values())), _added(list(truth.standin.values()))
    wanted = sum((price_of(model, said) * said.calls for model, said in truth.standin.items()), Decimal(0))
    rows: list[tuple[str, Said, object]] = [
        ("stand-in", standin, wanted.normalize()),
        ("ledger", kept, truth.usd.normalize()),
        ("counters", Said(**truth.counted), round(truth.counted_usd, 9)),
        ("killed observer's rows", truth.uncounted, truth.uncounted_usd.normalize()),
    ]
    for name, said, usd in rows:
        shown.add_row(name, f"{said.calls:,}", f"{said.input_tokens:,}", f"{said.output_tokens:,}", str(usd))
    shown.add_row("unmetered", f"{truth.unmetered:,}")
    shown.add_row("lost", f"{truth.lost:,}")
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where something does not add up."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ledger_truth", description=__doc__)
    parser.add_argument("--rate", type=float, default=5000, help="calls a second")
    parser.add_argument("--seconds", type=float, default=60, help="of load, in all")
    options = parser.parse_args(arguments)
    console = Console()
    with Console(stderr=True).status("starting") as status:
        truth = measure(options.rate, options.seconds, status.update)
    console.print(table(truth))
    console.print(
        f"{truth.sent:,} sent, {truth.failed:,} failed; newest row {truth.age * 1000:.0f} ms before the kill"
    )
    wrong = differences(truth)
    for sentence in wrong:
        console.print(f"[red]{sentence}[/]")
    if not wrong:
        console.print("[green]All of it adds up.[/]")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
