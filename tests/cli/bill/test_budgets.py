"""Budgets through whole proxies: one line and one post for each mark, whoever crosses it."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.support.bill import SONNET, ask, report
from tests.support.proxy import RunningProxy, eventually, running_proxy

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.billed_upstream import BilledUpstream

SUBSCRIPTION = {"Authorization": "Bearer sk-ant-oat01-a-token"}


class Hook(NamedTuple):
    """A webhook, and what was posted to it."""

    url: str
    posted: list[dict[str, Any]]


class _Handler(http.server.BaseHTTPRequestHandler):
    posted: list[dict[str, Any]]
    status = 204
    answering = threading.Event()

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answering.wait()
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing to say."""


@pytest.fixture
def hook(request: pytest.FixtureRequest) -> Generator[Hook]:
    """Answers 204, or with the parameter 500, or with 0 not before the end."""
    status = getattr(request, "param", 204)
    answering = threading.Event()
    if status:
        answering.set()
    posted: list[dict[str, Any]] = []
    kind = type("One", (_Handler,), {"posted": posted, "status": status, "answering": answering})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Hook(f"http://127.0.0.1:{server.server_address[1]}/a-secret", posted)
        answering.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def configured(tmp_path: Path, hook: Hook) -> Path:
    """A folder whose file gives all projects one USD a day, and one of them half."""
    lines = ("budget = {day = 1}", f'budget_webhook = "{hook.url}"', "[budgets.checkout]", "day = 0.5")
    (tmp_path / "tokentape.toml").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def spend(proxy: RunningProxy, cents: int, project: str, **more: Any) -> None:
    """One call that costs so much: a multiple of three."""
    ask(proxy, SONNET, {"input_tokens": cents // 3 * 10_000, "output_tokens": 0}, project=project, **more)


def until_posted(hook: Hook, count: int) -> None:
    eventually(lambda: len(hook.posted) >= count, f"post number {count}")


@pytest.mark.slow
def test_each_mark_is_printed_and_posted_once_also_over_a_restart_and_by_two_proxies(
    upstream: BilledUpstream, ledger: str, configured: Path, hook: Hook, capfd: pytest.CaptureFixture[str]
) -> None:
    def proxied() -> AbstractContextManager[RunningProxy]:
        return running_proxy(upstream.url, "--ledger", ledger, cwd=configured)

    with proxied() as proxy:
        spend(proxy, 24, "checkout")
        proxy.after(1)
        spend(proxy, 3, "checkout")
        until_posted(hook, 1)
        assert proxy.metrics().by("tokentape_budget_usd", "project") == {"_all": 1, "checkout": 0.5}
        spend(proxy, 99, "checkout", headers=SUBSCRIPTION)
        spend(proxy, 15, "checkout")
        until_posted(hook, 2)
    with proxied() as proxy, proxied() as other:
        spend(proxy, 9, "checkout")
        until_posted(hook, 4)
        for number in (5, 6):
            spend(other, 30, "search")
            until_posted(hook, number)
        eventually(lambda: spent(proxy) == spent(other) == pytest.approx(1.11), "the same spend in both")
    assert [(one["project"], one["level"]) for one in hook.posted] == [
        ("checkout", 50),
        ("checkout", 80),
        ("checkout", 100),
        ("_all", 50),
        ("_all", 80),
        ("_all", 100),
    ]
    printed = [line for line in capfd.readouterr().err.splitlines() if "budget" in line]
    assert printed == [one["text"] for one in hook.posted]
    last = hook.posted[-1]
    day = last["period"]
    assert last == {
        "text": f"tokentape: 100 % of the day's budget of all projects is spent: 1.11 of 1.00 USD ({day}).",
        "ledger": last["ledger"],
        "project": "_all",
        "window": "day",
        "period": day,
        "level": 100,
        "spend_usd": 1.11,
        "budget_usd": 1,
    }
    assert report(ledger)["total"]["subscription"] == 1


def spent(proxy: RunningProxy, window: str = "day") -> float:
    return proxy.metrics().value("tokentape_spend_usd", project="_all", window=window)


@pytest.mark.parametrize("hook", [500, 0], indirect=True, ids=["refuses", "hangs"])
def test_a_webhook_that_fails_is_not_felt(
    upstream: BilledUpstream,
    ledger: str,
    configured: Path,
    hook: Hook,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not by calls, not by figures, and not at the end; and the URL, which may be a secret, is not told."""
    with running_proxy(upstream.url, "--ledger", ledger, cwd=configured) as proxy:
        spend(proxy, 60, "checkout")
        until_posted(hook, 2)
        spend(proxy, 30, "checkout")
        eventually(lambda: spent(proxy) == pytest.approx(0.9), "a new figure while the webhook is stuck")
        assert proxy.stop() == 0
    printed = [line for line in capfd.readouterr().err.splitlines() if "budget" in line]
    refusals = [line for line in printed if "webhook" in line]
    assert len(printed) - len(refusals) == 3
    if "refuses" in request.node.name:
        assert set(refusals) == {"tokentape: the budget webhook did not take it: it answered 500."}
    assert "a-secret" not in "".join(printed)


def test_what_is_crossed_at_the_very_end_is_said(
    upstream: BilledUpstream, ledger: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_proxy(upstream.url, "--ledger", ledger, "--budget", "month=0.3") as proxy:
        spend(proxy, 3, "checkout")
        eventually(lambda: spent(proxy, "month"), "a first look")
        spend(proxy, 27, "checkout")
    (line,) = (line for line in capfd.readouterr().err.splitlines() if "budget" in line)
    assert line.startswith(
        "tokentape: 100 % of the month's budget of all projects is spent: 0.30 of 0.30 USD"
    )
