"""Every option of every command, declared once: flag, environment variable and key of a file.

An option `max_body_mb` is `--max-body-mb`, `TOKENTAPE_MAX_BODY_MB`, and the key `max_body_mb` of
`[tool.tokentape]` in pyproject.toml or of tokentape.toml. docs/configuration.md is checked against
this list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import click
import msgspec

from tokentape.cli import values
from tokentape.cli.values import Address

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The values of all options."""

    listen: Address = Address("127.0.0.1", 8585)
    admin: Address | None = Address("127.0.0.1", 9464)
    """`None` where a command opens no admin port unless asked."""
    upstream: str = "https://api.anthropic.com"
    workers: int = 1
    drain: float = 30.0
    expose: bool = False
    metric_labels: tuple[str, ...] = ("project",)
    max_label_values: int = 20
    max_body_mb: float = 64.0
    head_timeout: float = 30.0
    body_timeout: float = 120.0
    keepalive_timeout: float = 300.0
    connect_timeout: float = 10.0
    idle_timeout: float = 660.0
    ledger: str = ""
    """A path, a URL, or `none`; empty for the platform's own place."""
    keep_days: int = 400
    timezone: str = "UTC"
    budget: dict[str, Decimal] = {}
    """USD by window."""
    budget_webhook: str = ""
    otlp: str = ""
    """Where it and the next ones are empty, OpenTelemetry's own variables decide."""
    otlp_protocol: str = ""
    otlp_conventions: str = ""
    otlp_metric_names: str = "semconv"
    otlp_temporality: str = ""
    capture_content: str = ""
    content_kb: float = 64.0
    content_redact: tuple[str, ...] = ()
    content_hook: str = ""
    request_log: str = ""
    request_log_mb: float = 100.0
    request_log_keep: int = 5
    intercept: bool = False
    intercept_listen: Address = Address("127.0.0.1", 8586)
    intercept_hosts: tuple[str, ...] = ("api.anthropic.com",)
    label: tuple[str, ...] = ()
    autotag: bool = True
    once: bool = False
    record: str = ""
    record_idle: float = 30.0
    record_max: float = 1024.0
    append: bool = False
    overwrite: bool = False
    full: bool = False
    dry_run: bool = False
    layout: str = "readable"
    speed: float = 0.0
    match: str = "strict"
    after_last: str = "fail"
    played: str = ""
    fault: tuple[str, ...] = ()
    chaos: str = ""
    seed: int = 0
    since: str = ""
    until: str = ""
    month: str = ""
    by: tuple[str, ...] = ("model",)
    where: tuple[str, ...] = ()
    what_if: str = ""
    session: str = ""
    sort: str = "time"
    limit: int = 20
    follow: bool = False
    format: str = "table"
    price_url: str = (
        "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json"
    )
    """As in `genai_prices.update_prices`."""
    out: str = "grafana"
    datasource_uid: str = ""
    grafana_folder: str = "Tokentape"
    environment_label: str = ""
    scrape_job: str = "tokentape"
    runbook: str = "runbook.md"
    budget_marks: tuple[float, float] = (0.8, 1.0)
    budgets: dict[str, dict[str, Decimal]] = {}
    """USD by project and window."""
    prices: dict[str, Any] = {}
    """As `tokentape.proxy.pricing.overrides` reads it."""
    redact: dict[str, Any] = {}
    """The fields of `tokentape.recorder.scrubbing.policy.Policy`."""
    volatile: dict[str, Any] = {}
    """The fields of `tokentape.recorder.matching.rules.Rules`."""


SERVING: Final = frozenset({"up", "run", "record", "demo"})
LOOKING: Final = SERVING | {"doctor"}
ASKING: Final = frozenset({"report", "calls", "prices"})
"""Commands that ask a ledger or the price table, and serve nothing."""


CASSETTE: Final = frozenset(
    f"cassette {name}" for name in ("show", "check", "diff", "import", "convert", "merge", "prune", "stats")
)
"""Commands that work on files of recordings."""


BOARDS: Final = frozenset({"dashboards build"})


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One option."""

    name: str
    """Field of `Settings` and key of a file."""
    read: Callable[[object], Any]
    help: str
    metavar: str = ""
    commands: frozenset[str] = SERVING
    repeated: bool = False
    """The flag may be given several times."""

    @property
    def flag(self) -> str:
        """The option on a command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The option in the environment."""
        return "TOKENTAPE_" + self.name.upper()

    @property
    def default(self) -> object:
        """The value where nobody gives one."""
        return getattr(Settings(), self.name)


INTERCEPTING: Final = frozenset({"up", "run", "replay"})

_DAY: Final = 86_400
_REPLAY: Final = frozenset({"replay"})
_LEDGER: Final = frozenset({"report", "calls"})
_seconds = values.amount(0.001, _DAY, "seconds")

OPTIONS: Final = (
    Option(
        name="listen",
        read=values.address,
        metavar="HOST:PORT",
        help="Where clients connect. `run`, `demo` and `replay` take a free port unless the flag or the "
        "variable is set.",
        commands=LOOKING | {"replay"},
    ),
    Option(
        name="admin",
        read=values.address,
        metavar="HOST:PORT",
        help="Where /metrics, /healthz and /readyz are served. `demo` takes a free port; `run` and `record` "
        "open none unless the flag or the variable is set.",
        commands=LOOKING,
    ),
    Option(
        name="upstream",
        read=values.text,
        metavar="URL",
        help="Where calls are carried to. `run` and `record` take over an ANTHROPIC_BASE_URL that is set; "
        "`demo` has an upstream of its own.",
        commands=frozenset({"up", "run", "record", "doctor"}),
    ),
    Option(
        name="workers",
        read=values.count(1, 64),
        metavar="N",
        help="Processes that carry traffic. They share the port.",
    ),
    Option(
        name="drain",
        read=values.amount(0, _DAY, "seconds"),
        metavar="SECONDS",
        help="How long replies under way may go on after the proxy was told to stop.",
    ),
    Option(
        name="expose",
        read=values.switch,
        help="Allow ports that other machines can reach. Nobody is asked for a password there.",
        commands=SERVING | {"replay"},
    ),
    Option(
        name="metric_labels",
        read=values.names,
        metavar="KEY,...",
        help="Up to three label keys that become labels of requests, tokens, cost and errors on /metrics, "
        "and variables of the boards.",
        commands=SERVING | BOARDS,
    ),
    Option(
        name="max_label_values",
        read=values.count(1, 1000),
        metavar="N",
        help="Distinct values of each of those labels; what comes after them is counted as `other`.",
    ),
    Option(
        name="max_body_mb",
        read=values.amount(0.001, 4096, "megabytes"),
        metavar="MB",
        help="The largest request body that is carried, in units of 1,048,576 bytes. The API takes 32.",
    ),
    Option(
        name="head_timeout",
        read=_seconds,
        metavar="SECONDS",
        help="How long a client may take to send a request head.",
    ),
    Option(
        name="body_timeout",
        read=_seconds,
        metavar="SECONDS",
        help="The longest silence of a client inside a request body.",
    ),
    Option(
        name="keepalive_timeout",
        read=_seconds,
        metavar="SECONDS",
        help="How long an idle client connection is kept open.",
    ),
    Option(
        name="connect_timeout",
        read=_seconds,
        metavar="SECONDS",
        help="How long a connection to the upstream may take, TLS included.",
    ),
    Option(
        name="idle_timeout",
        read=_seconds,
        metavar="SECONDS",
        help="The longest silence of the upstream inside a call. The official SDKs wait 600 seconds.",
    ),
    Option(
        name="ledger",
        read=values.text_or_nothing,
        metavar="PATH or URL",
        help="Where calls are kept: a file, or postgresql://USER@HOST/DATABASE for several proxies. By "
        "default a file in the platform's folder for a user's data; `none` keeps nothing. `demo` has a "
        "ledger of its own for as long as it runs.",
        commands=frozenset({"up", "run", "record", "report", "calls"}),
    ),
    Option(
        name="keep_days",
        read=values.count(0, 36_500),
        metavar="DAYS",
        help="How long the ledger keeps calls; 0 is for ever.",
        commands=frozenset({"up", "run", "record"}),
    ),
    Option(
        name="timezone",
        read=values.timezone,
        metavar="ZONE",
        help="Whose days and months reports, spend gauges and budgets go by, such as Europe/Berlin. "
        "Anthropic's bill goes by UTC.",
        commands=frozenset({"up", "run", "record", "report", "calls"}),
    ),
    Option(
        name="budget",
        read=values.budget,
        metavar="day=USD,month=USD",
        help="What all projects together may cost in a day or a month. At 50, 80 and 100 per cent one line "
        "is printed; nothing is held back.",
        commands=frozenset({"up", "run", "record"}),
    ),
    Option(
        name="budget_webhook",
        read=values.web_address,
        metavar="URL",
        help="Where JSON is posted, once, when a budget reaches one of these marks.",
        commands=frozenset({"up", "run", "record"}),
    ),
    Option(
        name="otlp",
        read=values.web_address,
        metavar="URL",
        help="OpenTelemetry collector that spans, metrics and events are sent to, such as "
        "http://127.0.0.1:4318. Short for OTEL_EXPORTER_OTLP_ENDPOINT; see docs/opentelemetry.md.",
    ),
    Option(
        name="otlp_protocol",
        read=values.choice_or_nothing("http/protobuf", "grpc"),
        metavar="http/protobuf or grpc",
        help="How it is spoken to; gRPC needs the extra `grpc`. Short for OTEL_EXPORTER_OTLP_PROTOCOL.",
    ),
    Option(
        name="otlp_conventions",
        read=values.choice_or_nothing("1.41", "latest"),
        metavar="1.41 or latest",
        help="Edition of OpenTelemetry's names for generative AI: 1.41, unless OTEL_SEMCONV_STABILITY_OPT_IN "
        "says otherwise.",
    ),
    Option(
        name="otlp_metric_names",
        read=values.choice("semconv", "tokentape"),
        metavar="semconv or tokentape",
        help="Names of metrics over OTLP: the conventions', or exactly those of /metrics.",
    ),
    Option(
        name="otlp_temporality",
        read=values.choice_or_nothing("cumulative", "delta"),
        metavar="cumulative or delta",
        help="What counters and histograms over OTLP count: all since the start, or what came since the last "
        "export. By default OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE decides.",
    ),
    Option(
        name="capture_content",
        read=values.choice_or_nothing("none", "spans", "events", "both"),
        metavar="none, spans, events or both",
        help="Send prompts and answers to the collector, as attributes of spans, as events, or both. None "
        "leave unless this, or OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, says so.",
    ),
    Option(
        name="content_kb",
        read=values.amount(0.1, 16_384, "kilobytes"),
        metavar="KB",
        help="The most content of one call that is sent, in units of 1,024 bytes; longer texts are cut.",
    ),
    Option(
        name="content_redact",
        read=values.specs,
        metavar="REGEX",
        help="What this matches in prompts and answers is replaced before they are sent. May be repeated.",
        repeated=True,
    ),
    Option(
        name="content_hook",
        read=values.hook,
        metavar="MODULE:FUNCTION",
        help="A function that every text of prompts and answers goes through before it is sent: it takes "
        "and returns a `str`. Where it raises, the content of that call is left out.",
    ),
    Option(
        name="request_log",
        read=values.text_or_nothing,
        metavar="PATH or -",
        help="Write an event per call, without prompts and answers, as JSON lines to a file, or with `up` "
        "to stdout (`-`).",
    ),
    Option(
        name="request_log_mb",
        read=values.amount(0.001, 1_000_000, "megabytes"),
        metavar="MB",
        help="Size in units of 1,000,000 bytes at which the request log is renamed and begun anew.",
    ),
    Option(
        name="request_log_keep",
        read=values.count(0, 1000),
        metavar="N",
        help="How many renamed request logs are kept.",
    ),
    Option(
        name="intercept",
        read=values.switch,
        help="Carry calls of clients that cannot set a base_url, too: they get an HTTPS_PROXY. It needs the "
        "extra `intercept`; see docs/intercept.md.",
        commands=INTERCEPTING,
    ),
    Option(
        name="intercept_listen",
        read=values.address,
        metavar="HOST:PORT",
        help="Where such clients connect. `run` and `replay` take a free port unless the flag or the "
        "variable is set.",
        commands=INTERCEPTING,
    ),
    Option(
        name="intercept_hosts",
        read=values.names,
        metavar="HOST,...",
        help="The hosts whose traffic is decrypted there. That of all others passes unseen.",
        commands=INTERCEPTING,
    ),
    Option(
        name="label",
        read=values.labels,
        metavar="KEY=VALUE",
        help="A label for every call of the command. May be repeated.",
        commands=frozenset({"run", "record"}),
        repeated=True,
    ),
    Option(
        name="autotag",
        read=values.switch,
        help="Label calls with `project` (the folder of the git repository) and `branch`. "
        "Switched off by `--no-autotag`.",
        commands=frozenset({"run", "record"}),
    ),
    Option(
        name="once",
        read=values.switch,
        help="End after the traffic has been shown once.",
        commands=frozenset({"demo"}),
    ),
    Option(
        name="record",
        read=values.text_or_nothing,
        metavar="DIR",
        help="Record all traffic into this folder, a cassette for each session, with secrets redacted. "
        "Nothing that is there is written over.",
        commands=frozenset({"up"}),
    ),
    Option(
        name="record_idle",
        read=values.amount(0.01, 1440, "minutes"),
        metavar="MINUTES",
        help="After how many minutes without an exchange a session is over, and its cassette is written.",
        commands=frozenset({"up"}),
    ),
    Option(
        name="record_max",
        read=values.amount(1, 1024 * 1024, "megabytes"),
        metavar="MB",
        help="What a recording may take up on disk, in units of 1,048,576 bytes: with --record, the whole "
        "folder. From there on exchanges are counted, and not recorded.",
        commands=frozenset({"up", "record"}),
    ),
    Option(
        name="append",
        read=values.switch,
        help="Add to a cassette that exists.",
        commands=frozenset({"record"}),
    ),
    Option(
        name="overwrite",
        read=values.switch,
        help="Replace a cassette that exists, once the new one is complete.",
        commands=frozenset({"record", "cassette import", "cassette merge"}),
    ),
    Option(
        name="full",
        read=values.switch,
        help="Show texts in full, however long they are.",
        commands=frozenset({"cassette show"}),
    ),
    Option(
        name="dry_run",
        read=values.switch,
        help="Say what would be taken out, and change nothing.",
        commands=frozenset({"cassette prune"}),
    ),
    Option(
        name="layout",
        read=values.choice("readable", "shared", "compact"),
        metavar="readable/shared/compact",
        help="Every body whole; or what requests have in common written once; or that, and long media in "
        "files beside it, which stock vcrpy does not replay.",
        commands=frozenset({"cassette convert", "cassette import", "cassette merge"}),
    ),
    Option(
        name="speed",
        read=values.amount(0, 1000, "times"),
        metavar="FACTOR",
        help="How fast recorded replies come: 1 as recorded, 2 twice as fast, 0 at once.",
        commands=_REPLAY,
    ),
    Option(
        name="match",
        read=values.choice("strict", "lenient"),
        metavar="strict/lenient",
        help="Whether a request that has drifted from its recording is missed, or served and told.",
        commands=_REPLAY,
    ),
    Option(
        name="after_last",
        read=values.choice("fail", "repeat_last", "cycle"),
        metavar="fail/repeat_last/cycle",
        help="What a request gets that comes more often than it was recorded: a miss, the last reply again, "
        "or all its replies again from the first.",
        commands=_REPLAY,
    ),
    Option(
        name="played",
        read=values.text_or_nothing,
        metavar="DIR",
        help="Write into this folder, for each cassette, a report of what was asked for. `cassette prune` "
        "takes out the rest.",
        commands=_REPLAY,
    ),
    Option(
        name="fault",
        read=values.specs,
        metavar="SPEC",
        help="What goes wrong with replies, such as `overloaded:times=2`: docs/faults.md lists all. May be "
        "repeated.",
        commands=_REPLAY,
        repeated=True,
    ),
    Option(
        name="chaos",
        read=values.text_or_nothing,
        metavar="PART",
        help="The part of all requests that some fault strikes, such as 5%; `5%: overloaded; cut` names the "
        "faults to choose from.",
        commands=_REPLAY,
    ),
    Option(
        name="seed",
        read=values.count(0, 2**31 - 1),
        metavar="N",
        help="Which requests --chaos strikes: the same ones for the same number.",
        commands=_REPLAY,
    ),
    Option(
        name="since",
        read=values.text_or_nothing,
        metavar="TIME",
        help="From when: a length of time before now (7d, 24h, 30m), a day (2026-11-01), or a time "
        "(2026-11-01T12:00) of --timezone. `report` begins seven days ago, `calls` anywhere.",
        commands=_LEDGER,
    ),
    Option(
        name="until",
        read=values.text_or_nothing,
        metavar="TIME",
        help="Up to when, not included. By default now.",
        commands=_LEDGER,
    ),
    Option(
        name="month",
        read=values.text_or_nothing,
        metavar="YYYY-MM",
        help="One month of --timezone, instead of --since and --until.",
        commands=frozenset({"report"}),
    ),
    Option(
        name="by",
        read=values.names,
        metavar="NAME,...",
        help="What to break the sums down by: month, day, hour, model, project, endpoint, status, "
        "stop_reason, client, credential, user, session, batch, outcome, engine, bill, or label:NAME; any "
        "other NAME is a label's.",
        commands=frozenset({"report"}),
    ),
    Option(
        name="where",
        read=values.conditions,
        metavar="NAME=VALUE",
        help="Only calls whose NAME, as in --by, has this value, or none with `NAME=`. May be repeated.",
        commands=_LEDGER,
        repeated=True,
    ),
    Option(
        name="what_if",
        read=values.text_or_nothing,
        metavar="MODEL",
        help="Also what the same calls would cost at this model's prices.",
        commands=frozenset({"report"}),
    ),
    Option(
        name="session",
        read=values.text_or_nothing,
        metavar="ID",
        help="Only calls of this session.",
        commands=frozenset({"calls"}),
    ),
    Option(
        name="sort",
        read=values.choice("time", "cost", "ttft"),
        metavar="time/cost/ttft",
        help="The newest, the dearest, or the slowest to their first token.",
        commands=frozenset({"calls"}),
    ),
    Option(
        name="limit",
        read=values.count(1, 100_000),
        metavar="N",
        help="How many calls to list.",
        commands=frozenset({"calls"}),
    ),
    Option(
        name="follow",
        read=values.switch,
        help="Go on with new calls as they are written, until Ctrl-C.",
        commands=frozenset({"calls"}),
    ),
    Option(
        name="format",
        read=values.choice("table", "json", "csv"),
        metavar="table/json/csv",
        help="For people, for programs, for a spreadsheet.",
        commands=ASKING | {"cassette stats"},
    ),
    Option(
        name="price_url",
        read=values.web_address,
        metavar="URL",
        help="Where `prices update` fetches the price table, in the form in which genai-prices publishes it. "
        "Nothing else uses it.",
        commands=frozenset({"prices"}),
    ),
    Option(
        name="out",
        read=values.text,
        metavar="FOLDER",
        help="Where the generated boards and rules are written.",
        commands=BOARDS,
    ),
    Option(
        name="datasource_uid",
        read=values.text_or_nothing,
        metavar="UID",
        help="The Prometheus datasource that the boards choose at first; else Grafana's default one.",
        commands=BOARDS,
    ),
    Option(
        name="grafana_folder",
        read=values.text,
        metavar="NAME",
        help="The folder of the boards in Grafana.",
        commands=BOARDS,
    ),
    Option(
        name="environment_label",
        read=values.text_or_nothing,
        metavar="LABEL",
        help="A label of the scrape, such as `env`, that gets a variable of its own on the boards.",
        commands=BOARDS,
    ),
    Option(
        name="scrape_job",
        read=values.text,
        metavar="JOB",
        help="Name of the job under which Prometheus scrapes the proxy.",
        commands=BOARDS,
    ),
    Option(
        name="runbook",
        read=values.text,
        metavar="ADDRESS",
        help="Address of the runbook that alerts point to; the alert's anchor is appended.",
        commands=BOARDS,
    ),
    Option(
        name="budget_marks",
        read=values.shares,
        metavar="SHARE,SHARE",
        help="Shares of a budget at which boards and alerts warn, and call it spent.",
        commands=BOARDS,
    ),
)

TABLES: Final[dict[str, Callable[[object], Any]]] = {
    "budgets": values.budgets,
    "prices": values.prices,
    "redact": values.redaction,
    "volatile": values.volatility,
}
"""Keys of a file that are tables, and have no flag and no variable."""

BY_NAME: Final = {option.name: option for option in OPTIONS}


def options(command: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives a click command its options, without defaults: `None` means not given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(OPTIONS):
            if command in option.commands:
                function = _click_option(option)(function)
        return function

    return decorate


def _click_option(option: Option) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    text = f"{option.help}{_shown_default(option)}".replace("`", "")
    if option.name == "autotag":
        return click.option("--autotag/--no-autotag", option.name, default=None, help=text)
    if option.default is False:
        return click.option(option.flag, option.name, is_flag=True, default=None, help=text)
    return click.option(option.flag, option.name, metavar=option.metavar, multiple=option.repeated, help=text)


def _shown_default(option: Option) -> str:
    shown = default_text(option)
    return f" Default: {shown}." if shown else ""


def default_text(option: Option) -> str:
    """The default as a user would write it; empty for switches that are off and for empty lists."""
    default = option.default
    if isinstance(default, bool) or default == {}:
        return ""
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, tuple):
        parts = cast("tuple[object, ...]", default)
        return ",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)
    return str(default)
