"""Who is measured: each contender is a context manager that starts it before one upstream.

All have one worker, keep connections to upstream open, and pass bodies on as they arrive.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from tests.benchmarks import private_environment
from tests.benchmarks.children import (
    HOST,
    StartError,
    await_answer,
    await_listening,
    child,
    family,
    free_port,
)
from tests.benchmarks.load import Running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Generator

_NGINX_CONFIG: Final = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 64m;
  client_body_buffer_size 512k;
  keepalive_requests 1000000000;
  upstream standin {{
    server {host}:{upstream};
    keepalive 512;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {host}:{port} backlog=4096;
    location / {{
      proxy_pass http://standin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"""

_LITELLM_PREFIX: Final = "/anthropic"


class UnavailableError(Exception):
    """A contender that this machine does not have; the message says why."""


@contextmanager
def nginx(upstream: Running, folder: Path) -> Generator[Running]:
    """nginx with one worker, unbuffered both ways."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise UnavailableError("nginx is not installed (apt install nginx-light)")
    port, config, log = free_port(), folder / "nginx.conf", folder / "nginx.log"
    config.write_text(
        _NGINX_CONFIG.format(folder=folder, host=HOST, port=port, upstream=upstream.port), "utf-8"
    )
    with child((program, "-p", str(folder), "-c", str(config), "-e", "stderr"), log) as process:
        await_listening(process, port, log)
        yield Running(name="nginx", port=port, pids=family(process.pid))


@contextmanager
def mitmdump(upstream: Running, folder: Path) -> Generator[Running]:
    """mitmproxy as a reverse proxy that streams bodies both ways and stores nothing."""
    program = private_environment.program("mitmdump", "bench", "mitmproxy>=12.2.1,<13", oldest=(3, 12))
    port, log = free_port(), folder / "mitmdump.log"
    options = ("connection_strategy=lazy", "termlog_verbosity=error", "flow_detail=0")
    command = (
        *(str(program), "--mode", f"reverse:http://{HOST}:{upstream.port}"),
        *("--listen-host", HOST, "--listen-port", str(port)),
        *("-s", str(Path(__file__).with_name("mitmproxy_streaming.py"))),
        *("--set", f"confdir={folder}/mitmproxy"),
        *(part for option in options for part in ("--set", option)),
    )
    with child(command, log) as process:
        await_listening(process, port, log, seconds=60)
        yield Running(name="mitmdump", port=port, pids=family(process.pid))


@contextmanager
def litellm(upstream: Running, folder: Path) -> Generator[Running]:
    """LiteLLM's proxy with one worker; its pass-through of the Messages API."""
    program = private_environment.program("litellm", "bench-litellm", "litellm[proxy]", oldest=(3, 10))
    port, log = free_port(), folder / "litellm.log"
    environment = os.environ | {
        "ANTHROPIC_API_BASE": f"http://{HOST}:{upstream.port}",
        "ANTHROPIC_API_KEY": "sk-ant-benchmark",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        # Without a master key, as the pass-through forwards the client's own; it listens on loopback only.
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    command = (
        str(program),
        "--host",
        HOST,
        "--port",
        str(port),
        "--num_workers",
        "1",
        "--telemetry",
        "False",
    )
    with child(command, log, environment) as process:
        await_listening(process, port, log, seconds=180)
        yield Running(name="litellm", port=port, prefix=_LITELLM_PREFIX, pids=family(process.pid))


@contextmanager
def tokentape(upstream: Running, folder: Path) -> Generator[Running]:
    """`tokentape up` as a user runs it: supervisor, one worker, observer, Prometheus and admin server."""
    with _tokentape("tokentape", upstream, folder) as running:
        yield running


@contextmanager
def recording(upstream: Running, folder: Path) -> Generator[Running]:
    """The same, while everything is recorded."""
    tape = folder / "tape"
    # What waits to be scrubbed and written is a part of it: a benchmark is a day's traffic in seconds.
    with _tokentape("recording", upstream, folder, "--record", str(tape), "--record-max", "16384") as running:
        yield running


@contextmanager
def _tokentape(name: str, upstream: Running, folder: Path, *options: str) -> Generator[Running]:
    port, admin, log = free_port(), free_port(), folder / "tokentape.log"
    command = (
        *(str(Path(sys.executable).with_name("tokentape")), "up"),
        *("--listen", f"{HOST}:{port}", "--admin", f"{HOST}:{admin}"),
        *("--upstream", f"http://{HOST}:{upstream.port}"),
        # Every call is priced and written, as by default; only not into the user's own ledger.
        *("--ledger", str(folder / "ledger.sqlite3")),
        *options,
    )
    with child(command, log) as process:
        await_answer(process, admin, "/readyz", log)
        await_answer(process, port, "/.tokentape/healthz", log)
        workers, observers = _worker_and_observer(process.pid)
        try:
            yield Running(name=name, port=port, pids=workers, observer=observers[0], admin=admin)
        finally:
            _end_recorder(process)


def _end_recorder(process: subprocess.Popen[bytes]) -> None:
    """Let nobody write for minutes what nobody will read, while others are measured."""
    recorders = [each for each in psutil.Process(process.pid).children() if "recorder" in each.cmdline()]
    if recorders:
        process.kill()  # First: it would start another.
        for each in recorders:
            each.kill()


def _worker_and_observer(supervisor: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The processes that carry, and those that understand, by the kind on their command lines."""
    children = psutil.Process(supervisor).children()
    workers = tuple(each.pid for each in children if "worker" in each.cmdline())
    observers = tuple(each.pid for each in children if "observer" in each.cmdline())
    if (len(workers), len(observers)) != (1, 1):
        raise StartError(f"expected a worker and an observer, found {[each.cmdline() for each in children]}")
    return workers, observers


@contextmanager
def direct(upstream: Running, folder: Path) -> Generator[Running]:  # noqa: ARG001 - as all others
    """Nobody in between."""
    yield upstream


STARTERS: Final[dict[str, Callable[[Running, Path], AbstractContextManager[Running]]]] = {
    "direct": direct,
    "nginx": nginx,
    "tokentape": tokentape,
    "recording": recording,
    "mitmdump": mitmdump,
    "litellm": litellm,
}
