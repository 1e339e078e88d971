"""The price book against the table that it is made of."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as OracleUsage
from genai_prices import __version__ as genai_prices_version
from genai_prices import calc_price
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import StartDateConstraint
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.pricing.paid_calls import FEBRUARY, NOVEMBER, SEPTEMBER, book, paid

from tokentape.proxy.pricing import book as book_module
from tokentape.proxy.pricing import supplement
from tokentape.proxy.pricing.bill import LineKind
from tokentape.proxy.pricing.book import PriceBook, open_book
from tokentape.proxy.pricing.overrides import parse_overrides
from tokentape.proxy.pricing.price import price
from tokentape.proxy.pricing.rates import Circumstances, Prices
from tokentape.proxy.pricing.source import RELEASED, ListPrice, Source, open_source

MODELS = sorted(model for model in open_source().models if model not in {"claude-2", "claude-v1"})
BATCHED = ["claude-fable-5", "claude-haiku-5-5", "claude-opus-4-6", "claude-opus-5-5", "claude-sonnet-4-5"]
FAST = ["claude-fable-5-2", "claude-mythos-5-2", "claude-opus-4-8", "claude-opus-5", "claude-opus-5-5"]

COUNTS = st.integers(min_value=0, max_value=400_000)


def oracle(model: str, at: float, context: dict[str, str] | None, **usage: int) -> Decimal:
    """What genai-prices itself makes of it."""
    counted = {key: value for key, value in usage.items() if value}
    return calc_price(
        OracleUsage(**counted),
        model,
        provider_id="anthropic",
        genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        price_context=context,
    ).total_price


@given(
    model=st.sampled_from([name for name in MODELS if name not in supplement.CLIFFS]),
    at=st.sampled_from([FEBRUARY, SEPTEMBER, NOVEMBER]),
    parts=st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
)
def test_ordinary_bills_are_the_librarys(model: str, at: float, parts: tuple[int, ...]) -> None:
    sent, read, short, long, received = parts
    call = paid(model, input=sent, read=read, w5m=short, w1h=long, output=received, at=at)
    expected = oracle(
        model,
        at,
        None,
        input_tokens=sent + read + short + long,
        cache_read_tokens=read,
        cache_write_tokens=short + long,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        output_tokens=received,
    )
    assert price(call, book()).total == expected


@pytest.mark.parametrize(
    ("model", "context", "circumstances"),
    [
        *((model, {"processing": "batch"}, {"tier": "batch"}) for model in BATCHED),
        *((model, {"speed": "fast"}, {"speed": "fast"}) for model in FAST),
    ],
)
@pytest.mark.parametrize("sent", [90_000, 300_000])
def test_what_the_library_knows_of_batch_and_fast_is_used(
    model: str, context: dict[str, str], circumstances: dict[str, str], sent: int
) -> None:
    call = paid(
        model,
        input=sent,
        output=70,
        searches=2,
        tier=circumstances.get("tier"),
        speed=circumstances.get("speed"),
    )
    expected = oracle(model, NOVEMBER, context, input_tokens=sent, output_tokens=70, web_searches=2)
    assert price(call, book()).total == expected


def test_the_library_halves_every_batch_price_it_lists() -> None:
    """So half is a fair price where it lists none."""
    source, day = open_source(), date(2026, 11, 20)
    halved: set[Decimal] = set()
    for model in source.models:
        batch, standard = source.variant(model, day, {"processing": "batch"}), source.standard(model, day)
        if batch is not None:
            halved |= {
                batch[kind].base / standard[kind].base for kind in batch if kind is not LineKind.WEB_SEARCH
            }
    assert halved == {supplement.BATCH}


def test_the_library_has_no_price_for_what_is_supplied_here() -> None:
    """When one of these fails, the table has learned it and the supplement can go."""
    source, day = open_source(), date(2026, 11, 20)
    assert [model for model in supplement.FAST if source.variant(model, day, {"speed": "fast"})] == []
    assert [model for model in supplement.CLIFFS if source.standard(model, day)[LineKind.INPUT].tiers] == []
    assert [model for model in source.models if source.variant(model, day, {"inference_geo": "us"})] == []
    assert [alias for alias in supplement.ALIASES if alias in source.models] == []


def test_supplements_name_models_of_the_table() -> None:
    models = set(open_source().models)
    named = {*supplement.NO_REGIONS, *supplement.FAST, *supplement.CLIFFS, *supplement.ALIASES.values()}
    assert named - models == set()
    assert {*supplement.MINIMUM_CACHEABLE} - models == {"claude-mythos-5", "claude-mythos-5-1"}


def test_prices_change_by_day_only() -> None:
    """A day is looked up once, so no price may change within one."""
    models = next(provider for provider in get_snapshot().providers if provider.id == "anthropic").models
    constraints = [entry.constraint for model in models for entry in (model.price_variants or [])]
    listed = [model.prices for model in models if isinstance(model.prices, list)]
    constraints += [entry.constraint for entries in listed for entry in entries]
    assert {type(constraint) for constraint in constraints} <= {type(None), StartDateConstraint}


def test_a_price_that_ended_still_holds_for_its_last_day() -> None:
    last, first = (datetime(2026, 3, day, 23, 59, tzinfo=UTC).timestamp() for day in (12, 13))
    rates = [book().rates("claude-opus-4-6", at) for at in (last, first)]
    assert [rate and len(rate.tiers) for rate in rates] == [1, 0]


class WatchedSource(Source):
    """Notes which models it is asked for."""

    asked: tuple[str, ...] = ()

    def standard(self, model: str, day: date) -> dict[LineKind, ListPrice]:
        self.asked += (model,)
        return super().standard(model, day)


def test_rates_are_worked_out_once() -> None:
    source = WatchedSource(list(open_source().models.values()), "2026-11-10")
    watched = PriceBook(source)
    for second in range(100):
        watched.rates("claude-opus-5-5", NOVEMBER + second)
    watched.rates("claude-opus-5-5", NOVEMBER, Circumstances(us=True))
    assert source.asked == ("claude-opus-5-5",) * 2


def test_made_up_names_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_KEPT", 10)
    small = PriceBook(open_source())
    for number in range(1_000):
        small.rates(f"claude-{number}", NOVEMBER)
    assert len(small._kept) <= 10


def test_list_prices_are_those_of_the_page() -> None:
    assert book().list_prices("claude-haiku-5-5", NOVEMBER) == {
        LineKind.INPUT: Decimal("0.1"),
        LineKind.CACHE_READ: Decimal("0.01"),
        LineKind.CACHE_WRITE_5M: Decimal("0.125"),
        LineKind.CACHE_WRITE_1H: Decimal("0.2"),
        LineKind.OUTPUT: Decimal("0.5"),
        LineKind.WEB_SEARCH: Decimal(10),
    }
    assert book().list_prices("claude-opus-4-10", NOVEMBER) == {}


def test_models_are_listed_with_the_users_own() -> None:
    own = open_book(parse_overrides({"models": {"my-model": {"input": 1}, "claude-opus-5": {"input": 4}}}))
    assert set(own.models) - set(book().models) == {"my-model"}
    assert "claude-opus-5" in book().models


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-opus-5-5", 512),
        ("claude-sonnet-5", 1_024),
        ("claude-opus-4-7", 2_048),
        ("claude-haiku-4-5-20251001", 4_096),
        ("claude-mythos-5-1", 512),
        ("claude-fable-5-2", None),
        ("claude-opus-4-10", None),
    ],
)
def test_the_shortest_prompt_that_is_cached(model: str, tokens: int | None) -> None:
    assert book().minimum_cacheable(model) == tokens


def test_the_fingerprint_is_that_of_the_prices() -> None:
    same = open_book()
    dearer = open_book(parse_overrides({"models": {"claude-opus-5": {"input": 6}}}))
    discounted = open_book(parse_overrides({"discount": 1}))
    assert same.fingerprint == book().fingerprint
    assert len({book().fingerprint, dearer.fingerprint, discounted.fingerprint}) == 3
    assert re.fullmatch(r"[0-9a-f]{16}", same.fingerprint)


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = "from tokentape.proxy.pricing.book import open_book; print(open_book().fingerprint)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == book().fingerprint


def test_the_date_is_the_librarys_release_or_the_fetch() -> None:
    fetched = DataSnapshot(
        providers=get_snapshot().providers,
        from_auto_update=True,
        timestamp=datetime(2026, 12, 24, tzinfo=UTC),
    )
    assert book().date == RELEASED[genai_prices_version]
    assert open_book(snapshot=fetched).date == "2026-12-24"


def test_a_table_without_a_known_release_is_as_old_as_its_newest_price(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tokentape.proxy.pricing.source.RELEASED", {})
    assert open_book().date == "2026-10-14"


def test_nothing_heavy_is_imported_before_a_book_is_opened() -> None:
    modules = "account, batches, bill, book, overrides, price, repricing"
    code = (
        f"import sys; from tokentape.proxy.pricing import {modules};"
        "print(*sorted({'genai_prices', 'pydantic', 'httpx2'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_prices_of_one_token_are_exact() -> None:
    rates = book().rates("claude-haiku-5-5", NOVEMBER, Circumstances(batch=True, us=True))
    assert rates is not None
    # 0.1 x 0.5 x 1.1 = 0.055 micro-dollars, five times as much for a long prompt.
    assert rates.base == Prices(*map(Decimal, ("5.5E-8", "5.5E-9", "6.875E-8", "1.1E-7", "2.75E-7", "0.01")))
    assert rates.of(100_001).input == Decimal("2.75E-7")
