"""The intercept as commands use it: the extra, the authority, the process, and a client's environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from platformdirs import user_data_path

from tokentape.cli.errors import FailedError
from tokentape.cli.options import BY_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from tokentape.cli.options import Settings
    from tokentape.cli.values import Address
    from tokentape.proxy.intercept.authority import Authority
    from tokentape.proxy.intercept.worker import InterceptConfig

_BUNDLES: Final = (
    "SSL_CERT_FILE",  # OpenSSL, and with it Python's ssl, Go and Ruby
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
)
"""Variables that name the one file of authorities that a program trusts."""
_READY_SECONDS: Final = 60.0
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")


def authority() -> Authority:
    """The user's own, which may not have been made yet."""
    from tokentape.proxy.intercept.authority import Authority

    return Authority(user_data_path("tokentape") / "intercept")


def prepare() -> Authority:
    """The authority, made where it is missing.

    Raises:
        FailedError: mitmproxy is not installed, or the folder cannot be written.
    """
    if sys.version_info < (3, 12):
        raise FailedError("--intercept needs Python 3.12 or newer: everything else runs on this one.")
    if find_spec("mitmproxy") is None:
        raise FailedError("--intercept needs mitmproxy: pip install 'tokentape[intercept]'.")
    own = authority()
    try:
        own.ensure()
    except OSError as error:
        raise FailedError(f"{own.folder} cannot be made: {error.strerror}.") from None
    return own


def intercept_config(  # noqa: PLR0913 - what a process inherits, and what it is told
    settings: Settings, *, listener: int, lifeline: int, observer: str, labels: str, whole_bodies: bool
) -> InterceptConfig:
    """What its worker is told.

    Raises:
        FailedError: as `prepare`.
    """
    from tokentape.proxy.intercept.worker import InterceptConfig

    return InterceptConfig(
        listener=listener,
        lifeline=lifeline,
        observer=observer,
        authority=str(prepare().folder),
        hosts=settings.intercept_hosts,
        upstream="" if settings.upstream == BY_NAME["upstream"].default else settings.upstream,
        labels=labels,
        drain=settings.drain,
        idle_seconds=settings.idle_timeout,
        whole_bodies=whole_bodies,
    )


@contextlib.asynccontextmanager
async def intercepting(settings: Settings, upstream: str) -> AsyncGenerator[Address]:
    """An intercept of its own before a server of this process, which nobody observes; its address.

    Raises:
        FailedError: as `prepare`, or the port cannot be had, or the process does not start.
    """
    from tokentape.cli.listeners import open_port
    from tokentape.cli.values import Address
    from tokentape.proxy.supervisor import Lifeline

    with (
        contextlib.closing(open_port(settings.intercept_listen, "--intercept-listen")) as listener,
        contextlib.closing(Lifeline()) as lifeline,
    ):
        config = intercept_config(
            settings,
            listener=listener.fileno(),
            lifeline=lifeline.read_end,
            observer=os.devnull,
            labels="",
            whole_bodies=False,
        )
        process = await _started(msgspec.structs.replace(config, upstream=upstream, drain=0.0))
        try:
            address = Address(settings.intercept_listen.host, listener.getsockname()[1])
            await _ready(process, address.reachable)
            yield address
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _started(config: InterceptConfig) -> asyncio.subprocess.Process:
    """The worker, apart from the terminal: Ctrl-C there is for us."""
    text = msgspec.json.encode(config).decode()
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tokentape.cli.processes", "intercept", text),
        pass_fds=(config.listener, config.lifeline),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )


async def _ready(process: asyncio.subprocess.Process, address: Address) -> None:
    """Wait for an answer, or for the end of the process: the port is open already, so a question waits."""
    ended = asyncio.ensure_future(process.wait())
    answer = asyncio.ensure_future(_asked(address))
    await asyncio.wait((ended, answer), timeout=_READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    answered = (
        answer.done() and not answer.cancelled() and answer.exception() is None and bool(answer.result())
    )
    for step in (ended, answer):
        step.cancel()
    await asyncio.gather(ended, answer, return_exceptions=True)
    if not answered:
        raise FailedError("The intercept did not start: what it wrote above says why.")


async def _asked(address: Address) -> bytes:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(f"GET /.tokentape/healthz HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        return await reader.readline()
    finally:
        writer.close()


def client_variables(
    environment: Mapping[str, str], proxy_url: str, hosts: tuple[str, ...]
) -> dict[str, str]:
    """What a client needs: the way through the intercept, and trust in its authority beside all others."""
    own = authority()
    bundle = str(own.bundle(_trusted(environment)))
    passed = [each for each in _listed(environment) if not _covers(each, hosts)]
    around = ",".join(dict.fromkeys((*passed, *_LOCAL)))
    return {
        "HTTPS_PROXY": proxy_url,
        "https_proxy": proxy_url,
        "NO_PROXY": around,
        "no_proxy": around,
        **dict.fromkeys(_BUNDLES, bundle),
        "NODE_EXTRA_CA_CERTS": bundle,
        # Without it, Node's own fetch takes no notice of HTTPS_PROXY.
        "NODE_USE_ENV_PROXY": "1",
    }


def intercepted_for(
    environment: Mapping[str, str], address: Address, hosts: tuple[str, ...]
) -> dict[str, str]:
    """The environment of a command, and a word about what was set in it.

    Its calls go where they would without us, and through the intercept. An `ANTHROPIC_BASE_URL` is taken
    off, since `run` carries calls on to there.
    """
    variables = client_variables(environment, f"http://{address.reachable}", hosts)
    by_value: dict[str, list[str]] = {}
    for name, value in variables.items():
        by_value.setdefault(value, []).append(name)
    for value, names in by_value.items():
        click.echo(f"tokentape: set for the command: {', '.join(names)}={value}", err=True)
    kept = {name: value for name, value in environment.items() if name != "ANTHROPIC_BASE_URL"}
    if len(kept) < len(environment):
        click.echo("tokentape: taken off for the command: ANTHROPIC_BASE_URL", err=True)
    return {**kept, **variables}


def lines_to_copy(address: Address, hosts: tuple[str, ...]) -> list[str]:
    """What the shell of a client needs."""
    variables = client_variables(os.environ, f"http://{address.reachable}", hosts)
    shown = ("HTTPS_PROXY", "NO_PROXY", *_BUNDLES[:2], "NODE_EXTRA_CA_CERTS", "NODE_USE_ENV_PROXY")
    return [f"export {name}={shlex.quote(variables[name])}" for name in shown]


def _trusted(environment: Mapping[str, str]) -> list[Path]:
    """What the client trusts already."""
    from tokentape.proxy.intercept.authority import trusted_file

    extra = environment.get("NODE_EXTRA_CA_CERTS")
    files = (trusted_file(environment), Path(extra) if extra else None)
    return [file for file in files if file is not None and file.is_file()]


def _listed(environment: Mapping[str, str]) -> list[str]:
    text = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    return [part.strip() for part in text.split(",") if part.strip()]


def _covers(entry: str, hosts: tuple[str, ...]) -> bool:
    """Whether an entry of NO_PROXY would take one of the hosts past the intercept."""
    name = entry.lower().lstrip("*").lstrip(".")
    return not name or any(host == name or host.endswith(f".{name}") for host in hosts)
