"""What an observer's process is made of: the observer, and the sinks that were asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from tokentape.proxy.observer.dispatch import Dispatch
from tokentape.proxy.observer.process import Observer, ObserverConfig, run_observer

if TYPE_CHECKING:
    from tokentape.cli.observer_process import ObserverProcess
    from tokentape.proxy.observer.sinks import CallSink, WorkerSink
    from tokentape.proxy.telemetry.admin import AdminServer


def observe(config: ObserverProcess) -> None:
    """Observe until told to stop, then let the sinks finish."""
    logging.basicConfig(format="tokentape observer: %(message)s")
    with contextlib.ExitStack() as ending:
        calls: list[CallSink] = []
        workers: list[WorkerSink] = []
        _add_totals(config, calls, workers, ending)
        _add_console(config, calls, ending)
        admin = _observer_with_admin if config.admin is not None else _observer_alone
        run_observer(admin(config, calls, workers, ending))
    if _supervisor_gone(config.lifeline):
        shutil.rmtree(Path(config.salt_file).parent, ignore_errors=True)


def _config(config: ObserverProcess) -> ObserverConfig:
    return ObserverConfig(listener=config.listener, lifeline=config.lifeline, salt_file=config.salt_file)


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


def _observer_alone(
    config: ObserverProcess, calls: list[CallSink], workers: list[WorkerSink], _ending: contextlib.ExitStack
) -> Observer:
    return Observer(_config(config), Dispatch(calls=calls, workers=workers))


def _observer_with_admin(
    config: ObserverProcess, calls: list[CallSink], workers: list[WorkerSink], ending: contextlib.ExitStack
) -> Observer:
    from prometheus_client import CollectorRegistry

    from tokentape.cli.models import CURRENT_MODELS
    from tokentape.proxy.telemetry.admin import AdminServer
    from tokentape.proxy.telemetry.prometheus import PrometheusSink

    registry = CollectorRegistry()
    sink = PrometheusSink(
        registry,
        metric_labels=config.metric_labels,
        max_label_values=config.max_label_values,
        models=CURRENT_MODELS,
    )
    dispatch = Dispatch(calls=[sink, *calls], workers=[sink, *workers])
    sink.watch_errors(dispatch.errors, [sink.name, *(other.name for other in calls)])
    observer = Observer(_config(config), dispatch)
    admin = AdminServer(
        registry,
        listener=socket.socket(fileno=config.admin),
        ready=lambda: observer.workers > 0,
        health=lambda: {"pid": os.getpid(), "workers": observer.workers, "calls": dispatch.calls},
    )
    _serve(admin, ending)
    return observer


def _serve(admin: AdminServer, ending: contextlib.ExitStack) -> None:
    admin.start()
    ending.callback(admin.stop)


def _supervisor_gone(lifeline: int) -> bool:
    """The last process out tidies up, where the supervisor no longer can."""
    return bool(select.select([lifeline], [], [], 0)[0])
