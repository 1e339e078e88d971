// Draws one board from its JSON and from answers that were fetched before, with Grafana's published components.
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import {
  createTheme,
  dateTime,
  EventBusSrv,
  getDisplayProcessor,
  type DataFrame,
  type Field,
  FieldType,
  type GrafanaTheme2,
  ThemeContext,
  type TimeRange,
  VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, Table, TimeSeries } from '@grafana/ui';
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';

type Labels = Record<string, string>;
type Series = { labels: Labels; points: Array<[number, number | null]> };
type Target = { refId: string; expr: string; legendFormat: string };
type Panel = {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  options: any;
  fieldConfig: { defaults: any; overrides: any[] };
  targets: Target[];
  transformations?: any[];
};
type Given = {
  board: { title: string; description: string; panels: Panel[] };
  answers: Record<string, Record<string, Series[]>>;
  dark: boolean;
  from: number;
  to: number;
  variables: Array<[string, string]>;
};

const given: Given = (window as any).GIVEN;
const CELL = 30;
const GAP = 8;
const WIDTH = 1500;
const column = (WIDTH - GAP * 25) / 24;
const theme: GrafanaTheme2 = createTheme({ colors: { mode: given.dark ? 'dark' : 'light' } });
const range: TimeRange = {
  from: dateTime(given.from * 1000),
  to: dateTime(given.to * 1000),
  raw: { from: 'now-24h', to: 'now' },
};

const legend = (target: Target, labels: Labels) =>
  target.legendFormat === '__auto'
    ? Object.values(labels).join(' ') || 'value'
    : target.legendFormat.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? '');

function dressed(panel: Panel, name: string, type: FieldType, values: any[], index: number): Field {
  const config: any = JSON.parse(JSON.stringify(panel.fieldConfig.defaults));
  config.custom = config.custom ?? {};
  for (const override of panel.fieldConfig.overrides) {
    if (override.matcher.options !== name) {
      continue;
    }
    for (const { id, value } of override.properties) {
      const path = id.split('.');
      let inner = config;
      path.slice(0, -1).forEach((key: string) => (inner = inner[key] = inner[key] ?? {}));
      inner[path[path.length - 1]] = value;
    }
  }
  delete config.links;
  // Grafana writes the lowest threshold as null; its components compare it with numbers.
  (config.thresholds?.steps ?? []).forEach((step: any) => (step.value = step.value ?? -Infinity));
  config.displayName = name;
  const numbers = values.filter((each) => typeof each === 'number');
  const [min, max] = [config.min ?? Math.min(...numbers), config.max ?? Math.max(...numbers)];
  const state: any = { displayName: name, seriesIndex: index, range: { min, max, delta: max - min } };
  const field: Field = { name, type, config, values, state };
  field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
  return field;
}

function everySeries(panel: Panel) {
  const found = panel.targets.flatMap((target) =>
    (given.answers[panel.id]?.[target.refId] ?? []).map((series) => ({
      name: legend(target, series.labels),
      points: series.points,
    }))
  );
  const last = found.length === 1 && !found[0].name;
  return last ? [{ ...found[0], name: panel.title }] : found;
}

function Course({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const frames: DataFrame[] = everySeries(panel).map(({ name, points }, index) => {
    const time: Field = { name: 'Time', type: FieldType.time, config: {}, values: points.map(([at]) => at * 1000) };
    time.display = getDisplayProcessor({ field: time, theme, timeZone: 'utc' });
    const value = dressed(panel, name, FieldType.number, points.map(([, each]) => each), index);
    return { name, refId: name, fields: [time, value], length: points.length };
  });
  return (
    <TimeSeries
      frames={frames}
      structureRev={1}
      width={width}
      height={height}
      timeRange={range}
      timeZone="utc"
      legend={panel.options.legend}
      options={panel.options}
    />
  );
}

const lastOf = (points: Series['points']) => [...points].reverse().find(([, value]) => value !== null)?.[1] ?? null;

function Figures({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const found = everySeries(panel);
  const each = Math.floor(width / Math.max(1, found.length));
  return (
    <div style={{ display: 'flex' }}>
      {found.map(({ name, points }, index) => {
        const field = dressed(panel, name, FieldType.number, points.map(([, value]) => value), index);
        const value = field.display!(lastOf(points));
        const spark =
          panel.options.graphMode === 'area'
            ? {
                y: field,
                x: { name: 'Time', type: FieldType.time, config: {}, values: points.map(([at]) => at * 1000) },
              }
            : undefined;
        return (
          <BigValue
            key={name}
            theme={theme}
            width={each}
            height={height}
            value={{ ...value, title: found.length > 1 ? name : '' }}
            sparkline={spark as any}
            colorMode={panel.options.colorMode}
            graphMode={panel.options.graphMode}
            justifyMode={panel.options.justifyMode}
            textMode={found.length > 1 ? ('value_and_name' as any) : ('value' as any)}
          />
        );
      })}
    </div>
  );
}

function Bars({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const found = everySeries(panel).map((series) => ({ ...series, value: lastOf(series.points) ?? 0 }));
  const most = panel.fieldConfig.defaults.max ?? Math.max(...found.map(({ value }) => value), 0.000001);
  const least = panel.fieldConfig.defaults.min ?? Math.min(0, ...found.map(({ value }) => value));
  const spacing = 10;
  const each = Math.min(46, (height - spacing * (found.length - 1)) / Math.max(1, found.length));
  const shown = found.map(({ name, value }, index) => {
    const field = dressed(panel, name, FieldType.number, [value], index);
    field.config = { ...field.config, min: least, max: most };
    return { field, value: { ...field.display!(value), title: name } };
  });
  const longest = (key: 'text' | 'title') =>
    shown.map(({ value }) => (value as any)[key] as string).reduce((a, b) => (b.length > a.length ? b : a), '');
  const unit = shown[0]?.value;
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: spacing, height, justifyContent: 'center' }}>
      {shown.map(({ field, value }) => (
        <BarGauge
          key={value.title}
          theme={theme}
          width={width}
          height={each}
          field={field.config}
          display={field.display}
          value={value}
          orientation={VizOrientation.Horizontal}
          displayMode={panel.options.displayMode}
          valueDisplayMode={panel.options.valueMode}
          showUnfilled={panel.options.showUnfilled}
          text={{ titleSize: 13, valueSize: 14 }}
          alignmentFactors={{ text: longest('text'), title: longest('title'), prefix: unit?.prefix, suffix: unit?.suffix }}
        />
      ))}
    </div>
  );
}

function Listing({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const organize = panel.transformations!.find(({ id }) => id === 'organize')!.options;
  const names = Object.keys(organize.renameByName).sort((a, b) => organize.indexByName[a] - organize.indexByName[b]);
  const labels = names.filter((name) => !name.startsWith('Value'));
  const rows = new Map<string, Record<string, any>>();
  for (const target of panel.targets) {
    for (const series of given.answers[panel.id]?.[target.refId] ?? []) {
      const key = JSON.stringify(labels.map((label) => series.labels[label]));
      const row = rows.get(key) ?? { ...series.labels };
      row[panel.targets.length === 1 ? 'Value' : `Value #${target.refId}`] = lastOf(series.points);
      rows.set(key, row);
    }
  }
  const fields = names.map((name, index) => {
    const type = labels.includes(name) ? FieldType.string : FieldType.number;
    const values = [...rows.values()].map((row) => row[name] ?? null);
    return dressed(panel, organize.renameByName[name], type, values, index);
  });
  return (
    <Table
      data={{ name: panel.title, fields, length: rows.size }}
      width={width}
      height={height}
      initialSortBy={panel.options.sortBy}
    />
  );
}

const DRAWN: Record<string, React.FC<{ panel: Panel; width: number; height: number }>> = {
  timeseries: Course,
  stat: Figures,
  bargauge: Bars,
  table: Listing,
};

function place({ gridPos: { x, y, w, h } }: Panel) {
  const width = w * column + (w - 1) * GAP;
  const height = h * CELL + (h - 1) * GAP;
  return { left: GAP + x * (column + GAP), top: y * (CELL + GAP), width, height };
}

function Board() {
  const bottom = Math.max(...given.board.panels.map((panel) => place(panel).top + place(panel).height));
  const { text, background, border } = theme.colors;
  return (
    <div style={{ width: WIDTH, background: background.canvas, color: text.primary, paddingBottom: 12 }}>
      <div style={{ padding: '14px 16px 4px', fontSize: 20, fontWeight: 500 }}>
        {given.board.title}
        <span style={{ marginLeft: 14, fontSize: 14, fontWeight: 400, color: text.secondary }}>
          {given.board.description}
        </span>
      </div>
      <div style={{ padding: '6px 16px 12px', display: 'flex', gap: 10, fontSize: 12 }}>
        {given.variables.map(([name, value]) => (
          <span key={name} style={{ border: `1px solid ${border.medium}`, borderRadius: 3, display: 'flex' }}>
            <span style={{ padding: '4px 8px', background: background.secondary, color: text.secondary }}>{name}</span>
            <span style={{ padding: '4px 10px', background: background.primary }}>{value}</span>
          </span>
        ))}
        <span style={{ marginLeft: 'auto', padding: '4px 10px', color: text.secondary }}>Last 24 hours, UTC</span>
      </div>
      <div style={{ position: 'relative', height: bottom }}>
        {given.board.panels.map((panel) => {
          const { left, top, width, height } = place(panel);
          const Drawn = DRAWN[panel.type];
          return (
            <div key={panel.id} style={{ position: 'absolute', left, top, width, height }}>
              {Drawn ? (
                <PanelChrome width={width} height={height} title={panel.title} padding={panel.type === 'table' ? 'none' : 'md'}>
                  {(innerWidth, innerHeight) => <Drawn panel={panel} width={innerWidth} height={innerHeight} />}
                </PanelChrome>
              ) : (
                <div style={{ lineHeight: '30px', fontWeight: 500, fontSize: 15, paddingLeft: 4 }}>{panel.title}</div>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

const context = { eventsScope: 'global', eventBus: new EventBusSrv() };
createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles isExtensionSidebarOpen={false} />
    <PanelContextProvider value={context}>
      <Board />
    </PanelContextProvider>
  </ThemeContext.Provider>
);
