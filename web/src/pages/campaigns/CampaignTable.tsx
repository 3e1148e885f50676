import type { ComponentChildren } from "preact";

import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { type Column, DataTable } from "~/ui/DataTable";

import type { CampaignRow } from "./campaignRows";

interface Props<Row extends CampaignRow> {
  rows: readonly Row[];
  total: CampaignRow;
  limit?: number;
  initialSort?: string;
  sort?: string;
  onSort?: (sort: string) => void;
  head?: string;
  nameCell?: (row: Row) => ComponentChildren;
  /** Columns after the name. */
  extraColumns?: readonly Column<Row>[];
  isRowMarked?: (row: Row) => boolean;
}

/** Campaigns or groups of them with cost, visits, cost per visit, revenue and return, and the whole below. */
export function CampaignTable<Row extends CampaignRow>(props: Props<Row>) {
  const { rows, total, limit = 50, head, nameCell, extraColumns = [], ...rest } = props;
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const { columns: titles } = texts.campaigns;
  const most = (read: (row: CampaignRow) => number | null) => Math.max(0, ...rows.map((row) => read(row) ?? 0));

  function amount(
    id: "cost" | "visits" | "costPerVisit" | "revenue" | "roi",
    unit: string,
    hasBar = false,
  ): Column<Row> {
    const highest = hasBar ? most((row) => row[id]) : 0;
    const hasFractions = unit === "n" && [...rows, total].some((row) => !Number.isInteger(row[id] ?? 0)); // of credits
    const format = (value: number | null) =>
      hasFractions && value !== null ? formats.fraction(value) : formats.exact(value, unit, currency);
    return {
      id,
      title: titles[id],
      isNumber: true,
      sortBy: (row) => row[id],
      cell: (row) => format(row[id]),
      foot: format(total[id]),
      ...(highest > 0 ? { bar: (row: Row) => (row[id] ?? 0) / highest } : {}),
    };
  }

  const columns: Column<Row>[] = [
    {
      id: "name",
      title: head ?? texts.filters.campaigns,
      sortBy: (row) => row.name,
      cell: (row) => (nameCell ? nameCell(row) : row.name),
      foot: texts.campaigns.whole,
    },
    ...extraColumns,
    amount("cost", "EUR", true),
    amount("visits", "n", true),
    amount("costPerVisit", "EUR"),
    amount("revenue", "EUR", true),
    amount("roi", "1"),
  ];
  return (
    <DataTable
      caption={texts.campaigns.caption(head ?? texts.filters.campaigns)}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.id}
      limit={limit}
      moreLabel={texts.overview.moreRows(Math.max(0, rows.length - limit))}
      {...rest}
    />
  );
}
