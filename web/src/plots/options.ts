/** Turns a description of a plot into options of ECharts. */
import type { EChartsCoreOption } from "echarts/core";

import type { Formats } from "~/format/formats";
import type { Texts } from "~/i18n/en";

import { type HeatPlot, type PlotSpec, plotValues, quantile, type SeriesPlot } from "./spec";
import type { PlotTheme } from "./theme";

const MOST_FIGURES = 200; // of a heat map whose cells show their values
const STRONG = 0.55; // part of a colour scale from which text on its colours is in that of the surface
const MOST_LABELS = 12; // buckets that all have a label
const LEAST_SLOT = 13; // pixels of a column whose turned label is readable
const LEGEND_ROW = 20; // pixels
const LEGEND_GAP = 12;
const LETTER = 6.6; // usual width of a letter of the legend
const OUTLIERS = 0.98; // share of the values within a colour scale: one outlier must not flatten it

interface Context {
  formats: Formats;
  texts: Texts["plots"];
  theme: PlotTheme;
  /** Width in pixels: narrow plots have fewer labels. */
  width: number;
}

/** Return the options of ECharts for a plot. */
export function plotOptions(spec: PlotSpec, context: Context): EChartsCoreOption {
  const { theme } = context;
  return {
    animation: false,
    textStyle: { fontFamily: theme.font, color: theme.text },
    ...(spec.kind === "heat" ? heatOptions(spec, context) : seriesOptions(spec, context)),
  };
}

function tooltipStyle(theme: PlotTheme) {
  return {
    renderMode: "richText" as const, // HTML would need styles that the policy of the page refuses
    backgroundColor: theme.surface,
    borderColor: theme.border,
    borderWidth: 1,
    textStyle: { color: theme.text, fontFamily: theme.font, fontSize: 13 },
    confine: true,
  };
}

const DURATION_STEPS_S = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
const MOST_STEPS = 6;

/** Return ticks of whole minutes or hours, where those of the decimal system would be 200 seconds apart. */
function durationTicks(spec: PlotSpec): { interval?: number; max?: number } {
  if (spec.unit !== "s" || spec.kind === "heat" || spec.kind === "stacked") return {};
  const most = Math.max(0, ...spec.series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const interval = DURATION_STEPS_S.find((step) => most / step <= MOST_STEPS);
  return interval && most ? { interval, max: Math.ceil(most / interval) * interval } : {};
}

function valueAxis(spec: PlotSpec, { formats, theme }: Context) {
  return {
    type: "value" as const,
    scale: false, // bars and lines start at 0
    ...(spec.kind === "stacked" && spec.unit === "1"
      ? { max: ({ max }: { max: number }) => (max > 0.999 && max < 1.001 ? 1 : undefined) } // shares of a whole
      : {}),
    ...durationTicks(spec),
    axisLabel: {
      color: theme.muted,
      formatter: (value: number) => formats.short(value, spec.unit, spec.currency),
    },
    splitLine: { lineStyle: { color: theme.border } },
  };
}

function seriesOptions(spec: SeriesPlot, context: Context): EChartsCoreOption {
  const { formats, theme, texts } = context;
  const isLine = spec.kind === "line";
  const isFlat = spec.isHorizontal === true;
  const slot = (context.width - 80) / spec.buckets.length;
  const hasRoom = !isFlat && spec.buckets.length <= MOST_LABELS && slot > 56; // for the label of each bucket
  const hasCut = isLine && spec.buckets.some((bucket) => bucket.isCut);
  const buckets = {
    type: "category" as const,
    data: spec.buckets.map((bucket) => bucket.label),
    boundaryGap: !isLine || hasCut, // hatched buckets need their width
    inverse: isFlat,
    axisLabel: {
      color: theme.muted,
      hideOverlap: true,
      ...(hasRoom ? { interval: 0, hideOverlap: false, width: slot - 8, overflow: "break" } : {}),
      ...(isFlat ? { interval: 0, width: Math.min(220, context.width / 3), overflow: "truncate" } : {}),
    },
    axisLine: { lineStyle: { color: theme.border } },
    axisTick: { show: false },
  };
  const values = valueAxis(spec, context);
  const legend = legendEntries(spec);
  const legendHeight = legend.length > 1 ? legendRows(legend, context.width) * LEGEND_ROW : 0;
  return {
    grid: { left: 8, right: 16, top: 16 + legendHeight, bottom: 8, outerBoundsMode: "same" },
    legend: {
      show: legend.length > 1,
      top: 0,
      left: 0,
      itemHeight: 10,
      itemWidth: 20,
      itemGap: LEGEND_GAP,
      textStyle: { color: theme.text },
      data: legend.map((name) =>
        spec.series.some((series) => series.isCompared && series.name === name)
          ? { name, itemStyle: { opacity: 0.45 }, lineStyle: { opacity: 0.6, type: "dashed" } }
          : { name },
      ),
    },
    xAxis: isFlat ? { ...values, splitNumber: Math.max(2, Math.min(6, Math.floor(context.width / 140))) } : buckets,
    yAxis: isFlat ? buckets : hasCut ? [values, { type: "value", min: 0, max: 1, show: false }] : values,
    tooltip: {
      trigger: "axis",
      axisPointer: { type: isLine ? "line" : "shadow" },
      ...tooltipStyle(theme),
      formatter: (items: unknown) => {
        const rows = items as { dataIndex: number; seriesIndex: number; value: number | null; marker: unknown }[];
        const bucket = spec.buckets[rows[0]?.dataIndex ?? 0];
        const lines = rows.flatMap(({ seriesIndex, dataIndex }) => {
          const series = spec.series[seriesIndex];
          if (!series) return []; // the hatched areas
          const label = series.labels?.[dataIndex];
          const value = formats.exact(series.values[dataIndex], spec.unit, spec.currency);
          return [`${series.name}${label ? ` (${label})` : ""}: ${value}`];
        });
        const head = `${bucket?.title ?? bucket?.label ?? ""}${bucket?.isCut ? ` (${texts.cut})` : ""}`;
        return [head, ...lines].join("\n");
      },
    },
    series: [
      ...spec.series.map((series) => {
        const colour = theme.categories[series.colour % theme.categories.length] ?? theme.text;
        const base = { name: series.name, data: series.values, itemStyle: { color: colour } };
        if (isLine)
          return {
            ...base,
            type: "line",
            symbol: "circle",
            symbolSize: 5,
            showSymbol: spec.buckets.length < 40 && !series.isCompared,
            connectNulls: false,
            lineStyle: {
              color: colour,
              width: series.isCompared ? 1.5 : 2,
              type: series.isCompared ? "dashed" : "solid",
              opacity: series.isCompared ? 0.6 : 1,
            },
            z: series.isCompared ? 1 : 2,
          };
        return {
          ...base,
          type: "bar",
          ...(spec.kind === "stacked" && !series.isCompared ? { stack: "all" } : {}),
          barGap: "10%",
          barMaxWidth: isFlat ? 28 : 56,
          data: series.values.map((value, index) => ({
            value,
            itemStyle: {
              color: colour,
              opacity: series.isCompared ? 0.45 : 1,
              ...(spec.buckets[index]?.isCut ? { decal: hatching(theme) } : {}),
            },
          })),
        };
      }),
      ...(hasCut ? [cutAreas(spec, theme)] : []),
    ],
  };
}

/** Names in the legend: of several series, the other period has the same colour and no entry of its own. */
function legendEntries(spec: SeriesPlot): string[] {
  const own = spec.series.filter((series) => !series.isCompared);
  return (own.length > 1 ? own : spec.series).map((series) => series.name);
}

/** Estimate how many lines a legend takes: ECharts does not make room for them. */
function legendRows(names: readonly string[], width: number): number {
  let rows = 1;
  let used = 0;
  for (const name of names) {
    const length = Math.min(width, name.length * LETTER + 26 + LEGEND_GAP);
    if (used > 0 && used + length > width) {
      rows += 1;
      used = 0;
    }
    used += length;
  }
  return rows;
}

function hatching(theme: PlotTheme) {
  return { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 4], rotation: Math.PI / 4, color: theme.surface };
}

/** Hatched areas behind the buckets of lines that are not complete: bars on an axis of their own. */
function cutAreas(spec: SeriesPlot, theme: PlotTheme) {
  return {
    type: "bar",
    yAxisIndex: 1,
    barWidth: "100%",
    silent: true,
    z: 0,
    itemStyle: { color: theme.border, opacity: 0.6, decal: hatching(theme) },
    data: spec.buckets.map((bucket) => (bucket.isCut ? 1 : null)),
  };
}

/** Labels of columns that are names: turned where they do not fit side by side. */
function nameLabels(names: readonly string[], width: number) {
  const slot = (width * 0.75) / names.length;
  const longest = Math.max(0, ...names.map((name) => name.length)) * LETTER;
  if (longest <= slot) return { interval: 0 };
  return slot < LEAST_SLOT
    ? { hideOverlap: true, rotate: 60, width: 140, overflow: "truncate" }
    : { interval: 0, rotate: 60, width: 140, overflow: "truncate" };
}

function heatOptions(spec: HeatPlot, { formats, theme, texts, width }: Context): EChartsCoreOption {
  const values = plotValues(spec);
  const most = quantile(values, OUTLIERS) || Math.max(0, ...values);
  const least = Math.min(0, quantile(values, 1 - OUTLIERS)); // below 0 for returns and changes
  const hasFigures = values.length <= MOST_FIGURES && width / spec.columns.length > 56;
  const cells = spec.values.flatMap((row, y) =>
    row.map((value, x) => {
      const isStrong = value !== null && value - least > STRONG * (most - least);
      return { value: [x, y, value ?? "-"], label: { color: isStrong ? theme.surface : theme.text } };
    }),
  );
  return {
    grid: { left: 8, right: 8, top: 8, bottom: 48, outerBoundsMode: "same" },
    xAxis: {
      type: "category",
      data: spec.columns,
      axisLabel: {
        color: theme.muted,
        ...(spec.hasNamedColumns ? nameLabels(spec.columns, width) : { hideOverlap: true }),
      },
      axisTick: { show: false },
      axisLine: { show: false },
    },
    yAxis: {
      type: "category",
      data: spec.rows,
      inverse: true,
      axisLabel: { color: theme.muted, width: Math.min(200, width / 4), overflow: "truncate" },
      axisTick: { show: false },
      axisLine: { show: false },
    },
    visualMap: {
      min: least,
      max: most || 1,
      calculable: false,
      orient: "horizontal",
      left: "center",
      bottom: 0,
      itemHeight: Math.min(160, width / 3),
      itemWidth: 12,
      inRange: { color: theme.sequence },
      text: [
        values.some((value) => value > most)
          ? texts.orMore(formats.short(most, spec.unit, spec.currency))
          : `${texts.most} ${formats.short(most, spec.unit, spec.currency)}`,
        `${formats.short(least, spec.unit, spec.currency)} ${texts.least}`,
      ],
      textStyle: { color: theme.muted },
    },
    tooltip: {
      ...tooltipStyle(theme),
      formatter: (item: unknown) => {
        const [x, y, value] = (item as { value: [number, number, number | "-"] }).value;
        const shown = formats.exact(value === "-" ? null : value, spec.unit, spec.currency);
        return `${spec.rows[y] ?? ""}, ${spec.columns[x] ?? ""}: ${shown}`;
      },
    },
    series: [
      {
        type: "heatmap",
        data: cells,
        itemStyle: { borderColor: theme.surface, borderWidth: 1 },
        label: {
          show: hasFigures,
          fontSize: 11,
          formatter: (item: unknown) => {
            const value = (item as { value: [number, number, number | "-"] }).value[2];
            return value === "-" ? "" : formats.short(value, spec.unit, spec.currency);
          },
        },
        emphasis: { itemStyle: { borderColor: theme.text, borderWidth: 2 } },
      },
    ],
  };
}
