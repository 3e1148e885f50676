import { useMemo } from "preact/hooks";

import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Change } from "~/ui/Change";
import { type Column, DataTable } from "~/ui/DataTable";

import type { Cube } from "./cube";
import { fieldName } from "./labels";
import type { Labels } from "./plotting";
import { goodDirection } from "./good";
import type { ExploreState } from "./state";
import type { ResultTable, TableColumn, TableRow } from "./table";

/** The table of an answer, with totals, shares and changes; the sort is in the URL. */
export function ResultTableView({
  table,
  cube,
  state,
  labels,
  sort,
  onSort,
}: {
  table: ResultTable;
  cube: Cube;
  state: ExploreState;
  labels: Labels;
  sort: string;
  onSort: (sort: string) => void;
}) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const { explore } = texts;

  const columns = useMemo<Column<TableRow>[]>(() => {
    const heads =
      table.rowKind === "groups"
        ? labels.groups
        : table.rowKind === "time"
          ? [labels.time]
          : table.rowKind === "items"
            ? [labels.items]
            : [];
    const positions = new Map(table.rows.map((row, index) => [row.id, index]));
    const wholeName =
      table.rowKind === "groups"
        ? table.isSum
          ? texts.common.total
          : explore.allTogether
        : table.rowKind === "time"
          ? explore.wholePeriod
          : texts.common.total;
    const shownColumns = table.rows[0]?.labels.length === 2 ? heads : heads.slice(0, 1);
    const labelColumns = shownColumns.map((title, index): Column<TableRow> => ({
      id: `label${index}`,
      title,
      cell: (row) => `${row.labels[index] ?? ""}${row.isCut && index === 0 ? ` (${texts.plots.cut})` : ""}`,
      sortBy: (row) =>
        table.rowKind === "time" || table.rowKind === "items" ? positions.get(row.id) : row.labels[index],
      ...(table.foot ? { foot: index === 0 ? wholeName : "" } : {}),
    }));
    return [
      ...labelColumns,
      ...table.columns.map((column, index): Column<TableRow> => {
        const most = Math.max(0, ...table.rows.filter(({ isRest }) => !isRest).map(({ values }) => values[index] ?? 0));
        const isBar = table.rowKind === "groups" && index === 0 && column.item === undefined && most > 0;
        const render = (value: number | null | undefined) => {
          if (column.content === "change")
            return (
              <Change
                value={value}
                kind={column.field.change}
                than={labels.then}
                good={goodDirection(state.kpi, column.field)}
              />
            );
          return formats.exact(value, column.content === "share" ? "1" : column.field.unit, currency);
        };
        return {
          id: column.id,
          title: columnTitle(column),
          cell: (row) => render(row.values[index]),
          sortBy: (row) => row.values[index],
          isNumber: true,
          ...(isBar ? { bar: (row: TableRow) => (row.isRest ? 0 : (row.values[index] ?? 0) / most) } : {}),
          ...(table.foot ? { foot: render(table.foot[index]) } : {}),
        };
      }),
    ];

    function columnTitle({ content, field, item }: TableColumn): string {
      if (content === "share") return explore.shareColumn;
      if (content === "change") return explore.change;
      if (content === "then") return labels.then;
      if (item !== undefined)
        return [...cube.items, ...cube.columns].find(({ key }) => key === item)?.label ?? labels.leftSite;
      return cube.kind === "N" ? labels.value : fieldName(field.id, explore);
    }
  }, [table, cube, state, labels, texts, explore, formats, currency]);

  return (
    <DataTable
      caption={labels.title}
      columns={columns}
      rows={table.rows}
      rowKey={(row) => row.id}
      sort={sort}
      onSort={onSort}
      moreLabel={texts.common.more}
    />
  );
}
