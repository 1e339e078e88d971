"""What an observer's process is made of: the observer, and the sinks that were asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tokentape.cli.keeping import keep, seen_sets
from tokentape.cli.observer_process import read_money
from tokentape.cli.price_table import open_prices
from tokentape.proxy.observer.dispatch import Dispatch
from tokentape.proxy.observer.process import Observer, ObserverConfig, read_salt, run_observer
from tokentape.proxy.pricing.overrides import parse_overrides
from tokentape.proxy.pricing.pricer import Pricer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from tokentape.cli.keeping import Keeping
    from tokentape.cli.observer_process import ObserverProcess
    from tokentape.proxy.observer.sinks import CallSink, ExchangeSink, WorkerSink
    from tokentape.proxy.telemetry.otel.export import Export
    from tokentape.proxy.telemetry.prometheus import PrometheusSink
    from tokentape.recorder.recording.courier import SpoolCourier

_HANDOVER_SECONDS = 5.0
"""How long a stopping observer waits for the recorder to take over what there is."""


def observe(config: ObserverProcess) -> None:
    """Observe until told to stop, then let the sinks finish."""
    logging.basicConfig(format="tokentape observer: %(message)s")
    money = read_money(config.money_file)
    pricer = Pricer(lambda: open_prices(parse_overrides(money.prices)))
    pricer.start()
    keeping = keep(money, config.salt_file)
    with contextlib.ExitStack() as ending:
        calls: list[CallSink] = []
        workers: list[WorkerSink] = []
        _add_totals(config, calls, workers, ending)
        _add_console(config, calls, ending)
        export = _export(config, calls, ending)
        figures = config.admin is not None or (export is not None and export.wants_metrics)
        telemetry = _telemetry(config, keeping) if figures else None
        if telemetry is not None:
            calls.insert(0, telemetry.sink)
            workers.insert(0, telemetry.sink)
        ledger = keeping.sink if keeping else None
        recording = _record(config, keeping, workers, ending)
        exchanges = [*recording.sinks]
        if export is not None and export.capture is not None:
            exchanges.append(export.capture)
        dispatch = Dispatch(calls=calls, exchanges=exchanges, workers=workers, price=pricer, ledger=ledger)
        observer = Observer(_config(config), dispatch, keeping.salt if keeping else None)
        if telemetry is not None:
            _complete(telemetry, dispatch, pricer)
            if config.admin is not None:
                _show(telemetry, config.admin, observer, dispatch, ending)
            if export is not None:
                _send(telemetry, export)
            if recording.courier is not None:
                _show_recording(telemetry, recording.courier)
        if keeping is not None:
            _start(keeping, observer, dispatch, ending)
        if export is not None:
            export.start()
        run_observer(observer)
    if _supervisor_gone(config.lifeline):
        shutil.rmtree(Path(config.salt_file).parent, ignore_errors=True)


def _config(config: ObserverProcess) -> ObserverConfig:
    return ObserverConfig(listener=config.listener, lifeline=config.lifeline, salt_file=config.salt_file)


def _start(keeping: Keeping, observer: Observer, dispatch: Dispatch, ending: contextlib.ExitStack) -> None:
    """Begin to write; at the end write what is left, then tell the sinks of the last new results."""

    def settled() -> None:
        observer.settled()
        keeping.watch.news()

    ending.callback(keeping.announcer.close)
    ending.callback(keeping.watch.close)
    ending.callback(dispatch.pump)
    ending.callback(keeping.sink.close)
    keeping.sink.start(settled)
    keeping.watch.start()


def _add_totals(
    config: ObserverProcess, calls: list[CallSink], workers: list[WorkerSink], ending: contextlib.ExitStack
) -> None:
    if config.totals is not None:
        from tokentape.cli.totals_sink import TotalsSink

        sink = TotalsSink(Path(config.totals))
        calls.append(sink)
        workers.append(sink)
        ending.callback(sink.write)


def _add_console(config: ObserverProcess, calls: list[CallSink], ending: contextlib.ExitStack) -> None:
    if config.console:
        from tokentape.cli.console import ConsoleSink

        sink = ConsoleSink()
        calls.append(sink)
        ending.callback(sink.close)


class _Recording(NamedTuple):
    sinks: list[ExchangeSink]
    courier: SpoolCourier | None


def _record(
    config: ObserverProcess,
    keeping: Keeping | None,
    workers: list[WorkerSink],
    ending: contextlib.ExitStack,
) -> _Recording:
    """Where exchanges are recorded, the sink for them; at the end all of it is handed over."""
    spooling = config.spooling
    if spooling is None:
        return _Recording([], None)
    from tokentape.recorder.recording.courier import SpoolCourier
    from tokentape.recorder.recording.sink import RecordingSink

    salt = keeping.salt if keeping else read_salt(Path(config.salt_file))
    courier = SpoolCourier(spooling.recorder, Path(spooling.folder), salt=salt, limit=spooling.limit)
    sink = RecordingSink(courier)
    workers.append(sink)
    courier.start()
    ending.callback(courier.stop, _HANDOVER_SECONDS)
    return _Recording([sink], courier)


def _show_recording(telemetry: _Telemetry, courier: SpoolCourier) -> None:
    instruments = telemetry.sink.instruments
    instruments.compute("tokentape_recording_exchanges_total", lambda: dict(courier.counts).items())
    instruments.compute("tokentape_recording_waiting_bytes", lambda: [((), courier.waiting)])


class _Telemetry(NamedTuple):
    registry: CollectorRegistry
    sink: PrometheusSink


def _telemetry(config: ObserverProcess, keeping: Keeping | None) -> _Telemetry:
    from prometheus_client import CollectorRegistry

    from tokentape.cli.models import CURRENT_MODELS
    from tokentape.proxy.telemetry.money import add_losses, add_spend
    from tokentape.proxy.telemetry.prometheus import PrometheusSink

    registry = CollectorRegistry()
    sink = PrometheusSink(
        registry,
        metric_labels=config.metric_labels,
        max_label_values=config.max_label_values,
        models=CURRENT_MODELS,
        bill=True,
    )
    if keeping is not None:
        for model, project in sorted(seen_sets(keeping.location)):
            sink.prepare(model, {"project": project})
        add_spend(sink.instruments, keeping.watch)
        ledger = keeping.sink
        add_losses(sink.instruments, lambda: ledger.lost)
    return _Telemetry(registry, sink)


def _complete(telemetry: _Telemetry, dispatch: Dispatch, pricer: Pricer) -> None:
    """Add the figures that others count."""
    from tokentape.proxy.telemetry.money import add_prices

    sink = telemetry.sink
    add_prices(sink.instruments, lambda: pricer.book, lambda: sink.models)
    sink.watch_errors(dispatch.errors, dispatch.names)


def _show(
    telemetry: _Telemetry, admin: int, observer: Observer, dispatch: Dispatch, ending: contextlib.ExitStack
) -> None:
    """Serve the admin port."""
    from tokentape.proxy.telemetry.admin import AdminServer

    server = AdminServer(
        telemetry.registry,
        listener=socket.socket(fileno=admin),
        ready=lambda: observer.workers > 0,
        health=lambda: {"pid": os.getpid(), "workers": observer.workers, "calls": dispatch.calls},
    )
    server.start()
    ending.callback(server.stop)


def _export(config: ObserverProcess, calls: list[CallSink], ending: contextlib.ExitStack) -> Export | None:
    """What sends calls and figures to collectors; it ends after everything that still tells it of calls."""
    if config.exporting_file is None:
        return None
    from tokentape.cli.exporting import read_written
    from tokentape.proxy.observer.decoding import decoder_for
    from tokentape.proxy.telemetry.otel.export import Export

    export = Export(read_written(config.exporting_file), decoder_for=decoder_for)
    calls.append(export)
    ending.callback(export.close)
    return export


def _send(telemetry: _Telemetry, export: Export) -> None:
    """Have the registry sent where that is wanted, and let it tell what was sent."""
    instruments = telemetry.sink.instruments
    telemetry.sink.trace_id = export.trace_id
    export.show_counts(instruments)
    if export.wants_metrics:
        export.send_metrics(telemetry.registry, instruments.metric_labels, instruments.clock())


def _supervisor_gone(lifeline: int) -> bool:
    """The last process out tidies up, where the supervisor no longer can."""
    return bool(select.select([lifeline], [], [], 0)[0])
