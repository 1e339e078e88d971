"""Questions about money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.dashboards.queries.series import RATE, none_of, per_hour, share, total

if TYPE_CHECKING:
    from tokentape.dashboards.queries.series import Scope

COST: Final = "tokentape_cost_usd_total"
REQUESTS: Final = "tokentape_requests_total"
ALL_PROJECTS: Final = "_all"


def spend(scope: Scope, *by: str) -> str:
    """USD spent in the range."""
    return total(scope.in_range(COST), *by)


def burn_rate(scope: Scope, *by: str, offset: str = "") -> str:
    """USD an hour."""
    return per_hour(total(scope.per_second(COST, offset=offset), *by))


def ledger_spend(scope: Scope, window: str, project: str = ALL_PROJECTS) -> str:
    """USD of the current day or month from the ledger: replicas that share one report the same figure."""
    return f"sum({_once(scope, 'tokentape_spend_usd', window, project)})"


def ledger_burn_rate(scope: Scope) -> str:
    """USD an hour from the ledger: its month grows as a counter does, and starts anew with the next."""
    month = scope.vector("tokentape_spend_usd", window="month", project=ALL_PROJECTS)
    return per_hour(f"sum(max by (ledger) (rate({month}[{RATE}])))")


def budget_used(scope: Scope, window: str, project: str = ALL_PROJECTS) -> str:
    """Share of the budget of a day or month that is spent."""
    spent, budget = (_once(scope, f"tokentape_{name}_usd", window, project) for name in ("spend", "budget"))
    return f"{spent} / ({budget} > 0)"


def projects_spend(scope: Scope, window: str) -> str:
    """USD of the current day or month from the ledger, by project."""
    figure = _once(scope, "tokentape_spend_usd", window, none_of(ALL_PROJECTS))
    return f"sum by (project) ({figure})"


def _once(scope: Scope, name: str, window: str, project: str) -> str:
    figure = scope.vector(name, window=window, project=project)
    return f"max by (ledger, project, window) ({figure})"


def saved_by_cache(scope: Scope, *by: str) -> str:
    """USD saved by the cache in the range, less what writing to it cost extra; may be negative."""
    cheaper = total(scope.in_range("tokentape_cache_effect_usd_total", effect="cheaper"), *by)
    dearer = total(scope.in_range("tokentape_cache_effect_usd_total", effect="dearer"), *by)
    return f"{cheaper} - {dearer}"


def unpriced(scope: Scope, *by: str) -> str:
    """Calls of the range whose price is not known: their cost is in no figure."""
    return total(scope.in_range("tokentape_priced_calls_total", status="unpriced"), *by)


def wasted(scope: Scope, *by: str) -> str:
    """USD of the range for replies that bought nothing."""
    return total(scope.in_range("tokentape_wasted_usd_total"), *by)


def subscription_equivalent(scope: Scope, *by: str) -> str:
    """What calls on a subscription would have cost at API prices; no money."""
    return total(scope.in_range("tokentape_subscription_equivalent_usd_total"), *by)


def batch_savings(scope: Scope) -> str:
    """USD saved by batches in the range."""
    return total(scope.in_range("tokentape_batch_savings_usd_total"))


def batch_share(scope: Scope) -> str:
    """Share of priced calls in the range that are results of batches."""
    results = total(scope.in_range("tokentape_batch_results_total"))
    return share(results, total(scope.in_range("tokentape_priced_calls_total")))


def cost_per_thousand(scope: Scope, *by: str) -> str:
    """USD for a thousand priced calls."""
    calls = total(scope.in_range("tokentape_priced_calls_total", status=none_of("unpriced")), *by)
    return f"1000 * {share(spend(scope, *by), calls)}"


def elsewhere(scope: Scope, tokens: str, *, by: str = "at") -> str:
    """What tokens would have cost at each model's price in effect; `by` names the label of that model.

    Of the models in use in the range, and of the three cheapest: the price table knows many more.

    `tokens` is a vector by kind. Tiers, batches and regions are left out: it is the list price.
    """
    every_model = scope.vector("tokentape_price_usd_per_million_tokens", model='!=""')
    price = f"max by (kind, {by}) ({_renamed(every_model, by)})"
    all_prices = f"sum by ({by}) ({price} * on (kind) group_left () ({tokens})) / 1e6 > 0"
    calls = total(scope.in_range("tokentape_priced_calls_total", model='!=""'), "model")
    used = _renamed(f"({calls} > 0)", by)
    return f"({all_prices} and on ({by}) {used}) or bottomk(3, {all_prices})"


def _renamed(vector: str, by: str) -> str:
    return f'label_replace({vector}, "{by}", "$1", "model", "(.*)")'


def short_answers_cost(scope: Scope, *by: str) -> str:
    """USD of the range for calls that answered in few tokens."""
    return total(scope.in_range("tokentape_short_answer_usd_total"), *by)


def short_answers_elsewhere(scope: Scope) -> str:
    """What those calls would have cost at each model's price in effect."""
    return elsewhere(scope, total(scope.in_range("tokentape_short_answer_tokens_total"), "kind"))


def price_age_days(scope: Scope) -> str:
    """Days since the date of the price table."""
    return f"(time() - min({scope.vector('tokentape_price_table_timestamp_seconds')})) / 86400"
