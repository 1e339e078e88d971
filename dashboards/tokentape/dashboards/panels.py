"""Panels: the four drawings that boards are made of, with the defaults that all of them share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USD: Final = "currencyUSD"
PERCENT: Final = "percentunit"
SECONDS: Final = "s"
SHORT: Final = "short"
COUNT: Final = "locale"
"""Whole numbers, with separators instead of K and M."""
TOKENS: Final = "tokens"
DATASOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel = stat.Panel | timeseries.Panel | bargauge.Panel | table.Panel
PanelT = TypeVar("PanelT", stat.Panel, timeseries.Panel, bargauge.Panel)
Step = tuple[float | None, str]
"""From which value on, and the colour; the first one has no value."""

_NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Args:
        expr: PromQL.
        legend: what a series is called, such as `{{model}}`.
        exemplar: show the requests behind the figures.
    """

    expr: str
    legend: str = ""
    exemplar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How values are written and coloured."""

    unit: str
    decimals: int | None = None
    steps: Sequence[Step] = ()
    colour: str = ""
    """One colour for all; with neither it nor steps, each series has its own."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Colours of series by name."""
    units: Mapping[str, str] = field(default_factory=dict[str, str])
    """Units of series by name, where they are not all the same."""
    least: float | None = None
    most: float | None = None


def headline(title: str, description: str, look: Look, *queries: Query, spark: str = "") -> stat.Panel:
    """One figure, or a few; `spark` is the query of a course that is drawn behind it."""
    panel = stat.Panel().title(title).description(description).datasource(DATASOURCE)
    panel = _looking(panel, look)
    for index, query in enumerate(queries):
        panel = panel.with_target(_target(query, index, instant=not spark))
    graph = shapes.BigValueGraphMode.AREA if spark else shapes.BigValueGraphMode.NONE
    return (
        panel.graph_mode(graph)
        .color_mode(shapes.BigValueColorMode.VALUE)
        .text_mode(
            shapes.BigValueTextMode.AUTO if len(queries) == 1 else shapes.BigValueTextMode.VALUE_AND_NAME
        )
        .reduce_options(_last())
        .justify_mode(shapes.BigValueJustifyMode.AUTO)
    )


def course(
    title: str, description: str, look: Look, *queries: Query, stacked: bool = False, bars: bool = False
) -> timeseries.Panel:
    """Values over time; `stacked` where they add up to something."""
    panel = timeseries.Panel().title(title).description(description).datasource(DATASOURCE)
    panel = _looking(panel, look)
    for index, query in enumerate(queries):
        panel = panel.with_target(_target(query, index))
    panel = (
        panel.draw_style(shapes.GraphDrawStyle.BARS if bars else shapes.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(35 if stacked else 8)
        .show_points(shapes.VisibilityMode.NEVER)
        .span_nulls(False)
        .axis_soft_min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull"])
        )
        .tooltip(
            common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    return panel


def bars(title: str, description: str, look: Look, *queries: Query) -> bargauge.Panel:
    """One bar a series, the value beside it."""
    panel = bargauge.Panel().title(title).description(description).datasource(DATASOURCE)
    panel = _looking(panel, look)
    for index, query in enumerate(queries):
        panel = panel.with_target(_target(query, index, instant=True))
    return (
        panel.orientation(shapes.VizOrientation.HORIZONTAL)
        .display_mode(shapes.BarGaugeDisplayMode.BASIC)
        .value_mode(shapes.BarGaugeValueMode.TEXT)
        .reduce_options(_last())
        .show_unfilled(True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: its title, its query and its look."""

    title: str
    expr: str
    look: Look
    bar: bool = False
    """Drawn as a bar in its cell."""


def listing(
    title: str,
    description: str,
    by: Mapping[str, str],
    *columns: Column,
    sort: str,
    links: Mapping[str, str] | None = None,
) -> table.Panel:
    """A table with a row for each combination of labels.

    Args:
        title: of the panel.
        description: how it is computed.
        by: titles of the label columns, by label.
        columns: the figures.
        sort: title of the column to sort by, the largest first.
        links: address behind the cells of a label, by label.
    """
    panel = table.Panel().title(title).description(description).datasource(DATASOURCE).no_value(_NOTHING)
    panel = panel.min_width(90)
    for index, column in enumerate(columns):
        query = _target(Query(column.expr), index, instant=True).format(PromQueryFormat.TABLE)
        panel = panel.with_target(query)
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(_organized(by, columns))
    for column in columns:
        panel = panel.override_by_name(column.title, _cell(column))
    for label, address in (links or {}).items():
        link: dict[str, Any] = {"title": "Show ${__value.text}", "url": address}
        panel = panel.override_by_name(by[label], [models.DynamicConfigValue(id_val="links", value=[link])])
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])


def _organized(by: Mapping[str, str], columns: Sequence[Column]) -> models.DataTransformerConfig:
    values = {_value(index, columns): column.title for index, column in enumerate(columns)}
    order = [*by, *values]
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(order)},
        "renameByName": {**by, **values},
    }
    return models.DataTransformerConfig(id_val="organize", options=options)


def _value(index: int, columns: Sequence[Column]) -> str:
    """What Grafana calls the value of a query in a merged table."""
    return "Value" if len(columns) == 1 else f"Value #{_ref(index)}"


def _cell(column: Column) -> list[models.DynamicConfigValue]:
    look = column.look
    found = [models.DynamicConfigValue(id_val="unit", value=look.unit)]
    if look.decimals is not None:
        found.append(models.DynamicConfigValue(id_val="decimals", value=look.decimals))
    if look.steps:
        steps = [{"color": colour, "value": value} for value, colour in look.steps]
        found.append(
            models.DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": steps})
        )
        cell = {"type": "color-text"}
        found.append(models.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
    if column.bar:
        cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        colour = {"mode": "fixed", "fixedColor": look.colour}
        found.append(models.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
        found.append(models.DynamicConfigValue(id_val="color", value=colour))
        found.append(models.DynamicConfigValue(id_val="min", value=0))
    return found


def _target(query: Query, index: int, *, instant: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(_ref(index)).expr(query.expr).datasource(DATASOURCE)
    target = target.instant() if instant else target.range()
    if query.exemplar:
        target = target.exemplar(True)
    return target.legend_format(query.legend or "__auto")


def _ref(index: int) -> str:
    return chr(ord("A") + index)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _looking(panel: PanelT, look: Look) -> PanelT:
    """Unit, decimals, limits and colours; panels of all kinds have them in common, but no base class."""
    panel = panel.unit(look.unit).no_value(_NOTHING)
    if look.decimals is not None:
        panel = panel.decimals(look.decimals)
    if look.least is not None:
        panel = panel.min(look.least)
    if look.most is not None:
        panel = panel.max(look.most)
    steps = look.steps or ((None, look.colour or "text"),)
    panel = panel.thresholds(
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )
    for name, colour in look.names.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel = panel.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=fixed)])
    for name, unit in look.units.items():
        panel = panel.override_by_name(name, [models.DynamicConfigValue(id_val="unit", value=unit)])
    return panel.color_scheme(_colours(look))


def _colours(look: Look) -> dashboard.FieldColor:
    if look.steps:
        return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    if look.colour:
        return dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(look.colour)
    return dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC)
