"""Every ledger there ever was becomes today's, and none of a later version is touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import MetaData, inspect
from sqlalchemy.exc import DBAPIError
from tests.proxy.ledger.cases import record, total, varied

from tokentape.proxy.ledger.engines import make_engine
from tokentape.proxy.ledger.errors import LedgerError, NewerLedgerError
from tokentape.proxy.ledger.location import make_private
from tokentape.proxy.ledger.migrations import LATEST, Identity, Step, all_steps, migrate, version_of
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.schema import metadata
from tokentape.proxy.ledger.store import open_store

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from tokentape.proxy.ledger.location import Location

COLOUR = "ALTER TABLE calls ADD COLUMN colour TEXT;\nCREATE INDEX calls_colour ON calls (colour);\n"
NEXT = (*all_steps(), Step(COLOUR, COLOUR))


def engine_for(location: Location) -> Engine:
    if location.path:
        make_private(location.path)
    return make_engine(location)


def shape(engine: Engine) -> dict[str, Any]:
    """Tables, columns, keys and indexes as the database has them."""
    found = inspect(engine)
    return {
        table: (
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            ],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted((str(index["name"]), tuple(index["column_names"])) for index in found.get_indexes(table)),
        )
        for table in sorted(found.get_table_names())
        if not table.startswith("sqlite_")
    }


def test_all_steps_make_the_schema_that_the_code_has(location: Location) -> None:
    engine = engine_for(location)
    migrate(engine)
    stepped = shape(engine)
    with engine.execution_options(writes=True).begin() as connection:
        everything = MetaData()
        everything.reflect(connection)
        everything.drop_all(connection)
        metadata.create_all(connection)
    assert stepped == shape(engine)
    assert set(stepped) == set(metadata.tables)


def test_a_step_keeps_what_is_there(location: Location) -> None:
    """The ledger, its salt and its rows; it takes only the steps that are new."""
    record(location, [varied(number) for number in range(50)])
    engine = engine_for(location)
    before, sums = migrate(engine), total(location)
    assert migrate(engine, steps=NEXT) == before
    with engine.connect() as connection:
        assert version_of(connection) == LATEST + 1
        assert connection.exec_driver_sql("SELECT count(*) FROM calls WHERE colour IS NULL").scalar() == 50
    with engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(f"UPDATE meta SET value = '{LATEST}' WHERE name = 'schema'")
    assert total(location) == sums


def test_a_step_that_fails_changes_nothing(location: Location) -> None:
    record(location, [varied(1)])
    engine = engine_for(location)
    before = shape(engine)
    broken = COLOUR + "ALTER TABLE nothing ADD COLUMN colour TEXT;\n"
    with pytest.raises(DBAPIError):
        migrate(engine, steps=(*all_steps(), Step(broken, broken)))
    assert shape(engine) == before
    assert total(location).calls == 1


def test_a_later_version_is_refused_in_one_sentence(location: Location) -> None:
    migrate(engine_for(location), steps=NEXT)
    says = f"The ledger has schema {LATEST + 1} and this tokentape knows {LATEST}: update tokentape"
    for opening in (open_store, Reader):
        with pytest.raises(NewerLedgerError, match=says):
            opening(location)


def test_a_new_ledger_takes_the_identity_it_is_given_and_keeps_it(location: Location) -> None:
    engine = engine_for(location)
    given = Identity("abcd1234", b"pepper")
    assert migrate(engine, given) == given
    assert migrate(engine, Identity("other", b"other")) == given
    assert Reader(location).identity == given


def test_two_ledgers_are_not_the_same(location: Location, sqlite: Location) -> None:
    one, other = migrate(engine_for(location)), migrate(engine_for(sqlite))
    same = location == sqlite
    assert (one == other) is same
    assert (len(one.ledger), len(one.salt)) == (8, 16)


def test_processes_that_come_at_the_same_time_make_one_ledger(location: Location) -> None:
    engine = engine_for(location)
    with ThreadPoolExecutor(6) as pool:
        found = [made.result() for made in [pool.submit(migrate, engine) for _ in range(6)]]
    assert len(set(found)) == 1


def test_every_step_has_a_file_for_each_database() -> None:
    assert len(all_steps()) == LATEST
    assert all(step.sqlite and step.postgresql for step in all_steps())


def test_errors_are_of_one_tree() -> None:
    from tokentape.proxy.ledger import errors

    classes = {one for one in vars(errors).values() if isinstance(one, type)}
    assert {one.__name__ for one in classes if issubclass(one, LedgerError)} == {
        "LedgerError",
        "NoLedgerError",
        "NewerLedgerError",
        "UnavailableError",
    }
    assert all(
        name in str(errors.__doc__) for name in (one.__name__ for one in classes if one is not LedgerError)
    )
