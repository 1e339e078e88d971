"""`python -m tests.benchmarks.intercept`: the intercept beside mitmdump with an addon that passes bodies on.

Both are forward proxies in one process before the same TLS upstream, with the same clients in turn; the
intercept meters, mitmdump does not. wrk knows no CONNECT, so the client is Python and takes a part of each
figure: only the ratio says something.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import private_environment
from tests.benchmarks.children import HOST, await_listening, child, free_port
from tests.proxy.intercept.test_worker import Scripted, request
from tests.support.certificates import authority
from tests.support.intercept import Intercepting, intercepting, upstream_context
from tests.support.upstream import REQUEST, STREAM_REQUEST
from tests.support.wire import receive, serving

if TYPE_CHECKING:
    from collections.abc import Generator

CONNECTIONS: Final = 8
ROUNDS: Final = 3
_ADDON: Final = """
def requestheaders(flow):
    flow.request.stream = True
    flow.request.host, flow.request.port = "{host}", {port}

def responseheaders(flow):
    flow.response.stream = True
"""


@contextmanager
def mitmdump(upstream: str, proxy: Intercepting, folder: Path) -> Generator[int]:
    """Its port; it has the intercept's authority, so that clients trust both."""
    program = private_environment.program("mitmdump", "bench", "mitmproxy>=12.2.1,<13", oldest=(3, 12))
    port, log, trusted = free_port(), folder / "mitmdump.log", folder / "trusted.pem"
    addon = folder / "addon.py"
    addon.write_text(_ADDON.format(host=HOST, port=upstream.rpartition(":")[2]), "ascii")
    authority().cert_pem.write_to_path(str(trusted))
    options = (
        "connection_strategy=lazy",
        "termlog_verbosity=error",
        "flow_detail=0",
        f"confdir={proxy.certificate.parent}",
        f"ssl_verify_upstream_trusted_ca={trusted}",
    )
    command = (
        *(str(program), "--listen-host", HOST, "--listen-port", str(port)),
        *("-s", str(addon)),
        *(part for option in options for part in ("--set", option)),
    )
    with child(command, log) as process:
        await_listening(process, port, log, seconds=60)
        yield port


async def rate(proxy: Intercepting, body: bytes, seconds: float) -> float:
    """Calls a second, each whole."""
    end = time.monotonic() + seconds

    async def share() -> int:
        reader, writer = await proxy.open()
        calls = 0
        while time.monotonic() < end:
            writer.write(request("many", "", body))
            reply = await receive(reader, is_response=True)
            if reply is None or not reply.complete or not reply.start.endswith(" 200 OK"):
                raise AssertionError(reply)
            calls += 1
        writer.transport.abort()
        await asyncio.sleep(0)
        return calls

    return sum(await asyncio.gather(*(share() for _ in range(CONNECTIONS)))) / seconds


def main(seconds: float) -> None:
    """Measure in turns, and print the medians and their ratio."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(serving(Scripted(), upstream_context()))
        ours = stack.enter_context(intercepting(upstream))
        theirs = Intercepting.__new__(Intercepting)
        theirs.port = stack.enter_context(mitmdump(upstream, ours, folder))
        theirs.certificate = ours.certificate
        for name, body in (("unary", REQUEST), ("streams", STREAM_REQUEST)):
            rates: dict[str, list[float]] = {"intercept": [], "mitmdump": []}
            for _ in range(ROUNDS):
                for who, proxy in (("intercept", ours), ("mitmdump", theirs)):
                    rates[who].append(asyncio.run(rate(proxy, body, seconds)))
            median = {who: statistics.median(found) for who, found in rates.items()}
            ratio = median["intercept"] / median["mitmdump"]
            sys.stdout.write(
                f"{name}: intercept {median['intercept']:.0f}/s, mitmdump {median['mitmdump']:.0f}/s, "
                f"{ratio:.2f} times\n"
            )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
