import { useLanguage } from "~/i18n/language";
import { type Column, DataTable } from "~/ui/DataTable";

import type { PlotSpec } from "./spec";

interface Row {
  index: number;
  label: string;
  values: (number | null | undefined)[];
}

/** The values of a plot as a table: its twin for screen readers, and for exact figures. */
export function PlotTable({ spec }: { spec: PlotSpec }) {
  const { texts, formats } = useLanguage();
  const names = spec.kind === "heat" ? spec.columns : spec.series.map((series) => series.name);
  const rows: Row[] =
    spec.kind === "heat"
      ? spec.rows.map((label, index) => ({ index, label, values: spec.values[index] ?? [] }))
      : spec.buckets.map((bucket, index) => ({
          index,
          label: `${bucket.title ?? bucket.label}${bucket.isCut ? ` (${texts.plots.cut})` : ""}`,
          values: spec.series.map((series) => series.values[index]),
        }));
  const columns: Column<Row>[] = [
    {
      id: "label",
      title: spec.bucketTitle ?? texts.plots.bucket,
      cell: (row) => row.label,
      sortBy: (row) => row.index,
    },
    ...names.map((name, position): Column<Row> => ({
      id: String(position),
      title: name,
      cell: (row) => formats.exact(row.values[position], spec.unit, spec.currency),
      sortBy: (row) => row.values[position],
      isNumber: true,
    })),
  ];
  return <DataTable caption={spec.title} columns={columns} rows={rows} rowKey={(row) => String(row.index)} />;
}
