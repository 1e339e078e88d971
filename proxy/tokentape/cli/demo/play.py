"""The course of a demo: everything is started, the scenes are played, the figures shown, all is ended."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Final

import click
import msgspec

from tokentape.cli.demo.clients import Clients
from tokentape.cli.demo.figures import known_calls, read_figures
from tokentape.cli.demo.scenes import SCENES
from tokentape.cli.demo.stage import Stage
from tokentape.cli.demo.upstream import requests_answered, stand_in
from tokentape.cli.errors import FailedError
from tokentape.cli.launch import Proxy
from tokentape.cli.scrape import scrape
from tokentape.cli.signals import StopSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rich.console import Console

    from tokentape.cli.demo.figures import Figures
    from tokentape.cli.options import Settings
    from tokentape.proxy.ledger.report import Report

_DRAIN_SECONDS: Final = 2.0
_SETTLE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 2.0
"""Between two scenes of the traffic that goes on: light, and always one scene at a time."""
_ENCORES: Final = 2_000
"""Scenes after which the traffic ends, about an hour; the proxy goes on."""


async def play(settings: Settings, console: Console) -> None:
    """Play all scenes, then end, or go on until a signal."""
    stage = Stage(console)
    with StopSignals() as signals, TemporaryDirectory(prefix="tokentape-demo-") as folder:
        ledger = str(Path(folder) / "ledger.sqlite3")
        stopped: asyncio.Task[bool] = asyncio.create_task(signals.first.wait())
        async with stand_in() as upstream:
            proxy = Proxy(own(settings, upstream, ledger))
            signals.later = proxy.kill
            async with proxy, Clients(proxy.base_url) as clients:
                if proxy.exporting_line:
                    click.echo(proxy.exporting_line, err=True)
                await _unless(stopped, _show(stage, proxy, clients, upstream, once=settings.once))
        stopped.cancel()
        stage.end(ledger_report(ledger))


def own(settings: Settings, upstream: str, ledger: str) -> Settings:
    """The settings of a demo: what it spends is nobody's money, so that no budget is told of it."""
    return msgspec.structs.replace(
        settings, upstream=upstream, drain=min(settings.drain, _DRAIN_SECONDS), ledger=ledger, budgets={}
    )


def ledger_report(ledger: str) -> Report | None:
    """What the demo's own ledger says, by model; `None` where it cannot be read."""
    from tokentape.proxy.ledger.errors import LedgerError
    from tokentape.proxy.ledger.location import locate
    from tokentape.proxy.ledger.queries import report
    from tokentape.proxy.ledger.reader import Reader

    try:
        return report(Reader(locate(ledger)), by=("model",))
    except LedgerError:
        return None


async def _unless(stopped: asyncio.Task[bool], work: Coroutine[None, None, None]) -> None:
    """Do some work, or less of it where a stop comes first."""
    task = asyncio.create_task(work)
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    else:
        task.cancel()
        await asyncio.wait([task])


async def _show(stage: Stage, proxy: Proxy, clients: Clients, upstream: str, *, once: bool) -> None:
    assert proxy.metrics_url is not None
    figures = await _tour(stage, proxy.metrics_url, clients, upstream)
    if once:
        stage.show(figures, proxy.metrics_url)
        return
    with stage.going_on(figures, proxy.metrics_url, proxy.base_url) as show:
        await _encores(show, proxy.metrics_url, clients)


async def _tour(stage: Stage, metrics_url: str, clients: Clients, upstream: str) -> Figures:
    with stage.tour(len(SCENES)) as shown:
        for scene in SCENES:
            with shown(scene.title):
                await scene.play(clients)
        return await _settled(metrics_url, upstream)


async def _settled(metrics_url: str, upstream: str) -> Figures:
    """The figures once the proxy knows of every request that the stand-in has answered.

    Raises:
        FailedError: it does not get to know of them.
    """
    answered = await asyncio.to_thread(requests_answered, upstream)
    deadline = monotonic() + _SETTLE_SECONDS
    latest = await asyncio.to_thread(scrape, metrics_url)
    while known_calls(latest) < answered:
        if monotonic() > deadline:
            known = known_calls(latest)
            raise FailedError(f"The stand-in answered {answered} calls, and /metrics knows of {known}.")
        await asyncio.sleep(0.05)
        latest = await asyncio.to_thread(scrape, metrics_url)
    return read_figures(latest)


async def _encores(show: Callable[[Figures], None], metrics_url: str, clients: Clients) -> None:
    """Some traffic for as long as somebody may look, then none, for ever."""
    for scene in itertools.islice(itertools.cycle(SCENES), _ENCORES):
        await asyncio.sleep(_PAUSE_SECONDS)
        await scene.play(clients)
        show(read_figures(await asyncio.to_thread(scrape, metrics_url)))
    await asyncio.Event().wait()
