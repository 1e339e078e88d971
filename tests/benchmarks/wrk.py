"""wrk as a load generator: one thread, prebuilt requests, its own count of complete replies."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
from tests.benchmarks.children import HOST
from tests.benchmarks.load import Carried

if TYPE_CHECKING:
    from tests.benchmarks.load import Load, Running
    from tests.benchmarks.traffic import Traffic

# Without a `request` function in the script, wrk builds the request once and only writes it.
_SCRIPT = """
wrk.method = "POST"
for name, value in pairs({%(headers)s}) do wrk.headers[name] = value end
local body = io.open(%(body)s, "rb")
wrk.body = body:read("*a")
body:close()

done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"calls": %%d, "microseconds": %%d, "refused": %%d, "broken": %%d, "p50": %%d, "p99": %%d}\\n',
    summary.requests, summary.duration,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class _Result(msgspec.Struct, frozen=True):
    calls: int
    microseconds: int
    refused: int
    broken: int
    p50: int
    p99: int


class WrkError(Exception):
    """wrk failed, or said something that is not understood."""


def wrk(traffic: Traffic, *, connections: int, seconds: float) -> Load:
    """A load of as many calls as `connections` can have answered one after the other.

    wrk knows whole seconds only: `seconds` are rounded, to one at least.
    """

    def load(running: Running) -> Carried:
        with TemporaryDirectory(prefix="tokentape-bench-") as folder:
            script = _write_script(Path(folder), traffic)
            command = ("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script))
            url = f"http://{HOST}:{running.port}{running.prefix}{traffic.path}"
            done = subprocess.run((*command, url), capture_output=True, text=True, check=False)
        return _carried(done.stdout + done.stderr)

    return load


def _write_script(folder: Path, traffic: Traffic) -> Path:
    body, script = folder / "body", folder / "script.lua"
    body.write_bytes(traffic.body)
    # A JSON string of printable ASCII is a Lua string, too.
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in traffic.headers)
    script.write_text(_SCRIPT % {"headers": headers, "body": json.dumps(str(body))}, "ascii")
    return script


def _carried(output: str) -> Carried:
    found = re.search(r"^RESULT (\{.*\})$", output, re.MULTILINE)
    if not found:
        raise WrkError(output.strip() or "wrk said nothing")
    result = msgspec.json.decode(found[1], type=_Result)
    return Carried(
        calls=result.calls - result.refused,
        seconds=result.microseconds / 1e6,
        failed=result.refused + result.broken,
        p50=result.p50 / 1e6,
        p99=result.p99 / 1e6,
    )
