"""The hidden entry point of each process: `python -m tokentape.cli.processes KIND CONFIG`.

The configuration is JSON on the command line, which every user of the machine can read: there are no
secrets in it. Each kind imports only what it needs, so that a worker never loads the observer.
"""

from __future__ import annotations

import sys

import msgspec


def main(kind: str, config: str) -> None:
    """Run one process until it ends."""
    if kind == "worker":
        from tokentape.proxy.relay.worker import WorkerConfig, run_worker

        run_worker(msgspec.json.decode(config, type=WorkerConfig))
    elif kind == "intercept":
        from tokentape.proxy.intercept.worker import InterceptConfig, run_intercept

        run_intercept(msgspec.json.decode(config, type=InterceptConfig))
    elif kind == "recorder":
        from tokentape.recorder.recording.process import RecorderConfig, run_recorder

        run_recorder(msgspec.json.decode(config, type=RecorderConfig))
    else:
        from tokentape.cli.observer_process import ObserverProcess
        from tokentape.cli.observing import observe

        observe(msgspec.json.decode(config, type=ObserverProcess))


if __name__ == "__main__":
    main(*sys.argv[1:])
