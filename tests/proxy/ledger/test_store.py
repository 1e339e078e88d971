"""A transaction is written once however often it is tried, by however many proxies at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.proxy.ledger.cases import priced, total, until, varied, writing

from tokentape.proxy.ledger.batch import Batch
from tokentape.proxy.ledger.listing import following
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.rows import row_of
from tokentape.proxy.ledger.store import open_store

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location


def batch_of(token: int, *numbers: int) -> Batch:
    batch = Batch([row_of(*varied(number)) for number in numbers])
    batch.token = token
    return batch


def test_a_batch_whose_answer_was_lost_is_not_written_again(location: Location) -> None:
    """The writer's own mark tells; another writer's batch of the same number is another."""
    store = open_store(location)
    for writer, batch in (
        ("one", batch_of(1, 1, 2)),
        ("one", batch_of(1, 1, 2)),
        ("one", batch_of(2, 3)),
        ("other", batch_of(1, 4)),
        ("one", batch_of(2, 3)),
    ):
        store.write(batch, writer=writer, losses={}, now=1)
    store.close()
    assert total(location).calls == 4


def test_several_proxies_write_and_a_follower_misses_none(location: Location) -> None:
    """Ids are in order of commit, in both databases."""
    with writing(location) as one, writing(location) as other, writing(location) as third:
        one.closed(*priced(0))
        until("there is a ledger", lambda: one.writer.written == 1)
        reader, seen, after = Reader(location), list[str](), 1
        handed = 0
        while len(seen) < 1500:
            if handed < 500:
                handed += 1
                for name, sink in (("one", one), ("other", other), ("third", third)):
                    sink.closed(*priced(handed, id=f"{name}-{handed}"))
            if handed % 50 == 0:
                found = following(reader, after, limit=70)
                seen += [recorded.call.id for recorded in found]
                after = found[-1].id if found else after
    wanted = {f"{name}-{number}" for name in ("one", "other", "third") for number in range(1, 501)}
    assert (len(seen), set(seen)) == (1500, wanted)
    assert total(location).calls == 1501
