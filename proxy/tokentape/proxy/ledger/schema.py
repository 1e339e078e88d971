"""The tables, as they are after the last step of `migrations`.

Rules:

- Times end in `_at` and are whole microseconds since the epoch, UTC; lengths of time are seconds.
- Money ends in `usd` and is whole pico-dollars (`money`). `NULL` is "not known", never 0.
- JSON is kept as text in both databases: PostgreSQL's own type refuses characters that JSON allows.
- A change here goes with a step in `migrations`; a test holds the two together.
- Each column says what it holds: docs/ledger.md is made of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text, column

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

DIMENSIONS: Final = ("model", "project", "endpoint", "status", "stop_reason", "client", "credential")
"""What wide rollups keep apart. Where a call has none, a rollup has '' or 0, since keys cannot be null."""

NARROW: Final = ("model", "project")
"""What narrow rollups keep apart: a tenth of the wide ones, for what is asked most."""

GRAINS: Final = {0: (900, 3600, 86400), 1: (3600, 86400)}
"""Seconds of a rollup's piece of time, for narrow (0) and wide (1) ones.

Every zone's offset today is a multiple of the first.
"""

SUMS: Final = {
    "calls": "Calls: attempts, and batch results.",
    "errors": "Calls whose outcome is not `ok`.",
    "paid": "Calls with a known price that are not on a subscription.",
    "estimated": "Calls whose bill is estimated.",
    "unpriced": "Calls whose price is unknown: their cost is in no sum.",
    "subscription": "Calls on a subscription.",
    "input_tokens": "Input tokens, without cached ones.",
    "cache_read_tokens": "Tokens read from the cache.",
    "cache_write_5m_tokens": "Tokens written to the cache for five minutes.",
    "cache_write_1h_tokens": "Tokens written to the cache for an hour.",
    "output_tokens": "Output tokens, thinking included.",
    "thinking_tokens": "Thinking tokens, a part of output.",
    "web_searches": "Web searches.",
    "usd": "Cost, without subscription and unpriced calls.",
    "subscription_usd": "What subscription calls would have cost at API prices.",
    "savings_usd": "Saved by the cache; may be negative. Without subscription calls.",
    "batch_savings_usd": "Saved by batches. Without subscription calls.",
    "wasted_usd": "Spent for nothing. Without subscription calls.",
}
"""What a rollup adds up, in the order of its columns."""

metadata = MetaData()

_Id = BigInteger().with_variant(Integer(), "sqlite")


def _column(kind: type[TypeEngine[Any]], name: str, comment: str, *, null: bool = True) -> Column[Any]:
    return Column(name, kind(), nullable=null, comment=comment)


def _text(name: str, comment: str, *, null: bool = True) -> Column[Any]:
    return _column(Text, name, comment, null=null)


def _whole(name: str, comment: str, *, null: bool = True) -> Column[Any]:
    return _column(BigInteger, name, comment, null=null)


def _real(name: str, comment: str) -> Column[Any]:
    return _column(Float, name, comment)


calls = Table(
    "calls",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True, comment="In order of commit."),
    _text("call_id", "The call's id: worker and exchange number.", null=False),
    _whole("started_at", "When the request head had come in.", null=False),
    _whole("ended_at", "When the call ended.", null=False),
    _text("day", "UTC day of `started_at`, `YYYY-MM-DD`.", null=False),
    _text("engine", "`relay` or `intercept`.", null=False),
    _text("method", "HTTP method.", null=False),
    _text("endpoint", "Route with ids replaced.", null=False),
    _text("outcome", "`ok`, `api_error`, `stream_error`, `client_abort`, ...", null=False),
    _whole("status", "HTTP status the client saw."),
    _text("error_type", "The API's error type, or the proxy's own reason."),
    _text("error_code", "The API's `error_code`."),
    _text("model", "Served, else asked, less a date and a `[...]` suffix.", null=False),
    _text("model_asked", "As the request named it."),
    _text("model_served", "As the reply named it."),
    _whole("stream", "1 where the reply was an event stream.", null=False),
    _text("stop_reason", "As the API said it."),
    _text("message_id", "The message's id."),
    _whole("input_tokens", "Input tokens, without cached ones."),
    _whole("cache_read_tokens", "Tokens read from the cache."),
    _whole("cache_write_5m_tokens", "Tokens written to the cache for five minutes.", null=False),
    _whole("cache_write_1h_tokens", "Tokens written to the cache for an hour.", null=False),
    _whole("output_tokens", "Output tokens, thinking included."),
    _whole("thinking_tokens", "Thinking tokens, a part of output."),
    _whole("web_searches", "Web searches."),
    _whole("web_fetches", "Web fetches."),
    _text("service_tier", "As the API said it."),
    _text("speed", "As the API said it."),
    _text("inference_geo", "As the API said it."),
    _text("cache_outcome", "`hit`, `write`, `mixed`, `ignored`, `unmarked`."),
    _text("cache_miss_reason", "The API's diagnosis, where it was asked for."),
    _text("bill_status", "`exact`, `estimated`, `unpriced`."),
    _whole("usd", "The bill's total. On a subscription: at API prices, and no money."),
    _whole("savings_usd", "Saved by the cache; may be negative."),
    _whole("batch_savings_usd", "Saved by being in a batch."),
    _whole("wasted_usd", "The part that bought nothing."),
    _text("waste_cause", "`client_abort`, `stream_error`, `truncated`, `retry`."),
    _whole("subscription", "1 where a subscription paid.", null=False),
    _text("price_table", "Fingerprint of the prices used."),
    _text("price_date", "Date of the prices used."),
    _real("ttft", "Seconds to the first token of a stream."),
    _real("headers", "Seconds to the response head."),
    _real("duration", "Seconds to the end."),
    _text("project", "The label `project`, or `default`.", null=False),
    _text("session", "Session id."),
    _text("user_hash", "Salted hash of `metadata.user_id`."),
    _text("client", "Product and version of the user agent."),
    _text("credential", "Short salted hash of the credential."),
    _text("organization_id", "As the API said it."),
    _text("request_id", "The API's request id."),
    _text("trace_id", "The caller's trace."),
    _text("span_id", "The caller's span."),
    _whole("attempt", "0, or which retry this is.", null=False),
    _text("retry_of", "`call_id` of the attempt before."),
    _text("retry_cause", "Why there was another attempt."),
    _text("batch_id", "The batch that this call made, asked for or is a result of."),
    _text("custom_id", "Set in results of a batch."),
    _whole("resumed", "1 where the observer came when the call was under way.", null=False),
    _text("labels", "JSON object of all labels."),
    _text("bill", "JSON: line items `[kind, model, quantity, usd]`, reasons, modifiers."),
    _text("detail", "JSON: what is known of the call and has no column."),
    Index("calls_started", "started_at"),
    Index(
        "calls_session",
        "session",
        "started_at",
        sqlite_where=column("session").is_not(None),
        postgresql_where=column("session").is_not(None),
    ),
    Index(
        "calls_batch",
        "batch_id",
        sqlite_where=column("batch_id").is_not(None),
        postgresql_where=column("batch_id").is_not(None),
    ),
    sqlite_autoincrement=True,
)

rollups = Table(
    "rollups",
    metadata,
    Column(
        "wide", BigInteger(), primary_key=True, comment="1 if it keeps all dimensions apart, not only two."
    ),
    Column("grain", BigInteger(), primary_key=True, comment="Seconds: 900, 3600 or 86400."),
    Column(
        "starts", BigInteger(), primary_key=True, comment="Seconds since the epoch, a multiple of `grain`."
    ),
    *(
        Column(
            name,
            BigInteger() if name == "status" else Text(),
            primary_key=True,
            comment="As in `calls`; 0 for none." if name == "status" else "As in `calls`; '' for none.",
        )
        for name in DIMENSIONS
    ),
    *(_whole(name, comment, null=False) for name, comment in SUMS.items()),
    _whole("first_at", "The earliest `started_at`.", null=False),
    _whole("last_at", "The latest `started_at`.", null=False),
    sqlite_with_rowid=False,
)

batch_results = Table(
    "batch_results",
    metadata,
    Column("batch_id", Text(), primary_key=True, comment="The batch."),
    Column("custom_id", Text(), primary_key=True, comment="The result in it: billed once ever."),
    _whole("seen_at", "When it was billed.", null=False),
    sqlite_with_rowid=False,
)

marks = Table(
    "marks",
    metadata,
    Column("name", Text(), primary_key=True, comment="A worker's link, or a writer."),
    _whole("settled", "How many of its calls, or batches of rows, are settled.", null=False),
    _whole("marked_at", "When that was written.", null=False),
    sqlite_with_rowid=False,
)

losses = Table(
    "losses",
    metadata,
    Column("writer", Text(), primary_key=True, comment="Which writer counted them."),
    Column("reason", Text(), primary_key=True, comment="`queue_full`, `rejected`, `stopped`."),
    _whole("rows", "Calls that are not in the ledger.", null=False),
    _whole("first_at", "When this writer first lost one for that reason.", null=False),
    _whole("last_at", "When it last did.", null=False),
    sqlite_with_rowid=False,
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text(), primary_key=True, comment="`schema`, `ledger`, `salt`, `tidied_at`."),
    _text("value", "Its value.", null=False),
    sqlite_with_rowid=False,
)

WRITTEN: Final = tuple(column.name for column in calls.columns if column.name != "id")
"""The columns of a row as `rows` makes it, in order."""
