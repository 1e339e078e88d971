"""How long 10,000 interactions (20 MB) take to load: `python -m tests.benchmarks.cassettes [--count N]`.

Figures to read, none to pass; the medians of a few rounds. What was loaded is compared with what was saved
before any figure is shown.

- **cold**: our file with an empty cache, the entry's writing included; **warm**: once more, from the cache.
- **by the full reader**: the same file after an edit by hand (a comment) that the fast reader declines.
- **by vcrpy**: what stock vcrpy takes for the same file.
- **save**: until the disk has it.
- **layouts**: bytes of an agent's loop of 40 turns.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.recorder.cassette.loop import loop, picture

from tokentape.recorder.cassette.interaction import (
    Arrival,
    Cassette,
    Interaction,
    Request,
    Response,
    Timing,
)
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import Options, load_with_entry, save, written

if TYPE_CHECKING:
    from collections.abc import Callable

URI = "https://api.anthropic.com/v1/messages"
ASKING = (
    ("accept", "application/json"),
    ("anthropic-version", "2023-06-01"),
    ("content-type", "application/json"),
    ("user-agent", "Anthropic/Python 2.12.0"),
)
WORDS = ("alpha", "beta", "gamma", "d\u00e9lta")


def cassette(count: int) -> Cassette:
    """Every other reply is a stream of ten events; about 2 KB each."""
    chance = random.Random(7)
    return Cassette(interactions=tuple(_interaction(number, chance) for number in range(count)))


def _interaction(number: int, chance: random.Random) -> Interaction:
    question = f"No. {number}: {' '.join(chance.choices(WORDS, k=40))}"
    messages = [{"role": "user", "content": question}]
    asked = {
        "max_tokens": 1024,
        "messages": messages,
        "model": "claude-sonnet-4-6",
        "stream": number % 2 == 0,
    }
    body, timing, kind = _stream(number) if number % 2 == 0 else _whole(number)
    headers = (("content-type", kind), ("request-id", f"req_{number:08d}"), ("retry-after", str(number % 60)))
    return Interaction(
        request=Request(method="POST", uri=URI, headers=ASKING, body=json.dumps(asked).encode()),
        response=Response(status=200, reason="OK", headers=headers, body=body, timing=timing),
        recorded_at=1_790_000_000.0 + number,
    )


def _stream(number: int) -> tuple[bytes, Timing, str]:
    delta: dict[str, Any] = {"index": 0, "delta": {"type": "text_delta", "text": f"word {number} "}}
    names = ("message_start", *["content_block_delta"] * 8, "message_stop")
    events = [f"event: {name}\ndata: {json.dumps({'type': name, **delta})}\n\n".encode() for name in names]
    arrivals = tuple(Arrival(0.5 + index * 0.0214, len(event)) for index, event in enumerate(events))
    return b"".join(events), Timing(headers=0.45, arrivals=arrivals, ended=0.7), "text/event-stream"


def _whole(number: int) -> tuple[bytes, Timing, str]:
    content = [{"type": "text", "text": f"Answer {number}. " * 30}]
    body = json.dumps({"type": "message", "role": "assistant", "content": content}).encode()
    return body, Timing(headers=1.2, arrivals=(Arrival(1.3, len(body)),), ended=1.3), "application/json"


def seconds(act: Callable[[], object], rounds: int) -> float:
    """The median of so many rounds."""
    taken: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def loading(folder: Path, count: int) -> None:
    """Cold, warm, in full, by vcrpy; and saving."""
    path, edited, cache = folder / "x.yaml", folder / "edited.yaml", folder / "cache"
    recorded = cassette(count)
    saved = seconds(lambda: save(recorded, path), 2)
    edited.write_bytes(b"# by hand\n" + path.read_bytes())
    first = load_with_entry(path, cache).cassette
    assert len(first.interactions) == count
    assert load_with_entry(path, cache).cassette == first == load_with_entry(edited, cache).cassette

    def cold(file: Path) -> None:
        shutil.rmtree(cache)
        load_with_entry(file, cache)

    print(f"{count:,} interactions, {path.stat().st_size / 1e6:.1f} MB")
    print(f"  cold {seconds(lambda: cold(path), 3):.3f} s (floor 2 s)", flush=True)
    print(f"  warm {seconds(lambda: load_with_entry(path, cache), 5):.3f} s (floor 0.3 s)", flush=True)
    print(f"  cold, by the full reader {seconds(lambda: cold(edited), 1):.3f} s", flush=True)
    print(f"  by vcrpy {seconds(lambda: _by_vcrpy(path), 1):.3f} s", flush=True)
    print(f"  save {saved:.3f} s", flush=True)


def _by_vcrpy(path: Path) -> None:
    serialize: Any = importlib.import_module("vcr.serialize")
    serialize.deserialize(path.read_text(), importlib.import_module("vcr.serializers.yamlserializer"))


def layouts() -> None:
    """Bytes of a loop, by layout."""
    recorded = loop(40, image=picture(200_000))
    print("an agent's loop of 40 turns, with an image of 200 KB")
    for layout in Layout:
        text, files = written(recorded, options=Options(layout=layout))
        beside = sum(map(len, files.values()))
        print(f"  {layout}: {len(text) / 1e6:.2f} MB, and {beside / 1e6:.2f} MB beside it", flush=True)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="interactions")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cassettes") as name:
        loading(Path(name), chosen.count)
    layouts()


if __name__ == "__main__":
    main()
