"""What it costs to find the recording of a request, beside vcrpy and cassetter.

    python -m tests.benchmarks.matching

A look-up is what a player does with the bytes of a request that came in: make its request object of them,
find the recording, mark it as played. All compare method, URI and JSON body. Requests are conversations of
2 KB that differ in a few words; which ones are asked for is drawn anew each round, by everybody in turns,
each time with bytes of their own, as a socket would give them. Before anything is timed, everybody must give
the recorded reply to each of a sample. A figure is the median of the rounds; so is a ratio.

vcrpy's look-up is `Cassette.play_response` alone: its stubs look twice. cassetter compares bodies as it keeps
them, or, as `cassetter, JSON`, as JSON, which is slower. It is installed into an environment of its own,
since it is a pytest plugin, and looked into from here.
"""

from __future__ import annotations

import gc
import importlib
import random
import sys
import time
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from tests.benchmarks.private_environment import InstallError, program

from tokentape.recorder.cassette.interaction import Interaction, Request, Response
from tokentape.recorder.matching.player import Player

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SMALL: Final = 100
SIDE_BY_SIDE: Final = 800
LARGE: Final = 10_000
ROUNDS: Final = 15
LOOK_UPS: Final = 100
SLOW_LOOK_UPS: Final = 3
"""Of players that scan."""
CASSETTER: Final = "cassetter==0.16.1"
_URI: Final = "https://api.anthropic.com/v1/messages"
_HEADERS: Final = (("content-type", "application/json"), ("anthropic-version", "2023-06-01"))


class Contender(Protocol):
    """A player with a cassette."""

    def begin(self) -> None:
        """Forget what was played, where it can; not timed."""
        ...

    def look_up(self, body: bytes) -> bytes:
        """The body of the reply to a request."""
        ...


class Tokentape:
    """This project."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._tape = Player([_interaction(number, body) for number, body in enumerate(bodies)]).open()

    def begin(self) -> None:
        """A new session."""
        self._tape.reset()

    def look_up(self, body: bytes) -> bytes:
        """Exact and strict, as by default."""
        played = self._tape.play(Request(method="POST", uri=_URI, headers=_HEADERS, body=body))
        return b"" if played.interaction is None else played.interaction.response.body


class Vcrpy:
    """vcrpy, told to look at the body."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        matchers: Any = importlib.import_module("vcr.matchers")
        self._request: Any = importlib.import_module("vcr.request").Request
        self._cassette: Any = importlib.import_module("vcr.cassette").Cassette(
            "none.yaml", match_on=(matchers.method, matchers.uri, matchers.body)
        )
        for number, body in enumerate(bodies):
            reply = {
                "status": {"code": 200, "message": "OK"},
                "headers": {},
                "body": {"string": _reply(number)},
            }
            self._cassette.data.append((self._request("POST", _URI, body, dict(_HEADERS)), reply))

    def begin(self) -> None:
        """Nothing has been played."""
        self._cassette.rewind()

    def look_up(self, body: bytes) -> bytes:
        """As its stubs do, once."""
        reply = self._cassette.play_response(self._request("POST", _URI, body, dict(_HEADERS)))
        return bytes(reply["body"]["string"])


class Cassetter:
    """cassetter's own core, told to look at the body in one of its two ways."""

    def __init__(self, bodies: Sequence[bytes], *, by: str = "body") -> None:
        self._core: Any = importlib.import_module("cassetter._core")
        self._bodies = bodies
        self._config = self._core.MatchConfig(["method", "uri", by])
        self.begin()

    def begin(self) -> None:
        """It cannot forget: begin with a new cassette."""
        core = self._core
        self._cassette = core.Cassette()
        for number, body in enumerate(self._bodies):
            response = core.HttpResponse(200, {}, core.Body("binary", _reply(number)))
            self._cassette.add_interaction(core.HttpInteraction(self._asked(body), response, "2026-11-22"))

    def look_up(self, body: bytes) -> bytes:
        """As its interceptors do."""
        found = self._cassette.take_match(self._asked(body), self._config)
        return b"" if found is None else bytes(found[1].response.body.content)

    def _asked(self, body: bytes) -> Any:
        read = self._core.process_body(body, "application/json", None)
        return self._core.HttpRequest("POST", _URI, {name: [value] for name, value in _HEADERS}, read)


class Line(msgspec.Struct):
    """A contender at a size, and what was measured."""

    name: str
    size: int
    look_ups: int
    contender: Contender
    bodies: list[bytes]
    seconds: list[float] = []
    """Of one look-up, a round each."""


def bodies(size: int) -> list[bytes]:
    """Requests of 2 KB: an agent's question, a tool call, its result."""
    rng = random.Random(size)
    words = [f"{rng.getrandbits(24):06x}" for _ in range(1000)]

    def prose(count: int) -> str:
        return " ".join(rng.choices(words, k=count))

    tools = [
        {"name": f"tool_{n}", "description": prose(8), "input_schema": {"type": "object"}} for n in range(3)
    ]
    return [
        msgspec.json.encode(
            {
                "model": "claude-haiku-4-5",
                "max_tokens": 1024,
                "temperature": 0.5,
                "system": "Be brief.",
                "tools": tools,
                "messages": [
                    {"role": "user", "content": f"{number}: {prose(100)}"},
                    {
                        "role": "assistant",
                        "content": [
                            {
                                "type": "tool_use",
                                "id": f"toolu_{number}",
                                "name": "tool_1",
                                "input": {"a": number},
                            }
                        ],
                    },
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": prose(100)}
                        ],
                    },
                ],
            }
        )
        for number in range(size)
    ]


def _reply(number: int) -> bytes:
    return b'{"type":"message","content":[{"type":"text","text":"Reply %d."}]}' % number


def _interaction(number: int, body: bytes) -> Interaction:
    return Interaction(
        request=Request(method="POST", uri=_URI, headers=_HEADERS, body=body),
        response=Response(status=200, body=_reply(number)),
    )


def _afresh(body: bytes) -> bytes:
    """The same bytes in another place."""
    return bytes(bytearray(body))


def check(line: Line) -> None:
    """A sample, from the first to the last, must get its own replies.

    Raises:
        RuntimeError: it does not, so its speed means nothing.
    """
    line.contender.begin()
    for number in {0, 1, line.size // 2, line.size - 1}:
        got = line.contender.look_up(_afresh(line.bodies[number]))
        if got != _reply(number):
            raise RuntimeError(f"{line.name} gave {got!r} for request {number} of {line.size}")


def measure(line: Line, seed: int) -> None:
    """One round."""
    chosen = random.Random(seed).sample(range(line.size), line.look_ups)
    asked = [_afresh(line.bodies[number]) for number in chosen]
    line.contender.begin()
    look_up = line.contender.look_up
    begun = time.perf_counter()
    for body in asked:
        look_up(body)
    line.seconds.append((time.perf_counter() - begun) / len(asked))


def contenders() -> list[Line]:
    """Everybody who is here, at every size that is compared."""
    lines: list[Line] = []

    def add(name: str, make: Callable[[Sequence[bytes]], Contender], size: int, look_ups: int) -> None:
        asked = bodies(size)
        lines.append(Line(name, size, look_ups, make(asked), asked))

    for size in (SMALL, SIDE_BY_SIDE, LARGE):
        add("tokentape", Tokentape, size, LOOK_UPS)
    add("vcrpy", Vcrpy, SIDE_BY_SIDE, SLOW_LOOK_UPS)
    if _find_cassetter():
        for size, look_ups in ((SMALL, LOOK_UPS), (SIDE_BY_SIDE, LOOK_UPS), (LARGE, SLOW_LOOK_UPS)):
            add("cassetter", Cassetter, size, look_ups)
        add("cassetter, JSON", partial(Cassetter, by="json_body"), SIDE_BY_SIDE, LOOK_UPS)
    return lines


def _find_cassetter() -> bool:
    try:
        script = program("cassetter", "bench-cassetter", CASSETTER, oldest=sys.version_info[:2])
    except InstallError as error:
        sys.stderr.write(f"cassetter is left out: {error}\n")
        return False
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.append(str(script.parent.parent / "lib" / version / "site-packages"))
    return find_spec("cassetter") is not None


def ratio(lines: Sequence[Line], one: tuple[str, int], other: tuple[str, int]) -> float | None:
    """The median, over the rounds, of what the one takes for what the other takes."""
    found = {(line.name, line.size): line.seconds for line in lines}
    if one not in found or other not in found:
        return None
    return median(a / b for a, b in zip(found[one], found[other], strict=True))


def report(lines: Sequence[Line]) -> list[str]:
    """The table, and the ratios with their floors."""
    shown = [
        f"{line.name:<16}{line.size:>8,} interactions{median(line.seconds) * 1e6:>12,.1f} µs a look-up"
        for line in lines
    ]
    ours = "tokentape"
    for title, one, other, floor, at_most in (
        ("at 10,000 against 100", (ours, LARGE), (ours, SMALL), 1.3, True),
        ("vcrpy at 800", ("vcrpy", SIDE_BY_SIDE), (ours, SIDE_BY_SIDE), 50.0, False),
        ("cassetter at 100", ("cassetter", SMALL), (ours, SMALL), 1.0, False),
        ("cassetter at 800", ("cassetter", SIDE_BY_SIDE), (ours, SIDE_BY_SIDE), 1.0, False),
        ("cassetter at 10,000", ("cassetter", LARGE), (ours, LARGE), 1.0, False),
    ):
        found = ratio(lines, one, other)
        if found is not None:
            met = found <= floor if at_most else found >= floor
            wanted = f"{'at most' if at_most else 'at least'} {floor:g}"
            shown.append(f"{title:<22}{found:>10,.2f} times   {wanted}: {'met' if met else 'not met'}")
    return shown


def run(lines: Sequence[Line], rounds: int = ROUNDS) -> None:
    """Check everybody, then measure in turns; the first round warms up and does not count."""
    for line in lines:
        check(line)
    for seed in range(rounds + 1):
        for line in lines:
            measure(line, seed)
    for line in lines:
        del line.seconds[0]


def main() -> int:
    """Print the table."""
    lines = contenders()
    gc.collect()
    gc.freeze()  # what the collector would walk through is the contenders' recordings, not their look-ups
    run(lines)
    sys.stdout.write("\n".join(report(lines)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
