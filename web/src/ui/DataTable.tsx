import { ArrowDown, ArrowUp } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";

export interface Column<Row> {
  id: string;
  title: ComponentChildren;
  /** What a cell shows. */
  cell: (row: Row) => ComponentChildren;
  /** What the column is sorted by; without it, it cannot be sorted. */
  sortBy?: (row: Row) => string | number | null | undefined;
  isNumber?: boolean;
  /** Left out where there is little room, as on phones: said elsewhere, too. */
  isSecondary?: boolean;
  /** Length of the bar behind a cell, between 0 and 1. */
  bar?: (row: Row) => number;
  foot?: ComponentChildren;
}

interface Props<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Column by which it is sorted at first; `-` in front for descending. */
  initialSort?: string;
  /** The sort, where the page keeps it (in its URL), and a function that changes it. */
  sort?: string;
  onSort?: (sort: string) => void;
  onRowClick?: (row: Row) => void;
  /** Rows shown before "more" is pressed. */
  limit?: number;
  moreLabel?: string;
  isRowMarked?: (row: Row) => boolean;
}

/** Table whose columns can be sorted, with bars behind numbers and totals below. */
export function DataTable<Row>(props: Props<Row>) {
  const { caption, columns, rows, rowKey, initialSort, onRowClick, limit = 200, moreLabel = "+" } = props;
  const [ownSort, setOwnSort] = useState(initialSort ?? "");
  const sort = props.sort ?? ownSort;
  const setSort = props.onSort ?? setOwnSort;
  const [shown, setShown] = useState(limit);
  const column = sort.replace(/^-/, "");
  const isDescending = sort.startsWith("-");

  const sorted = useMemo(() => {
    const by = columns.find((candidate) => candidate.id === column)?.sortBy;
    if (!by) return rows;
    const direction = isDescending ? -1 : 1;
    return [...rows].sort((left, right) => {
      const [a, b] = [by(left), by(right)];
      if (a === null || a === undefined || b === null || b === undefined)
        return Number(a === null || a === undefined) - Number(b === null || b === undefined); // without a value: last
      const order =
        typeof a === "number" && typeof b === "number"
          ? a - b
          : String(a).localeCompare(String(b), undefined, { numeric: true });
      return order * direction;
    });
  }, [rows, columns, column, isDescending]);

  const hasFoot = columns.some((candidate) => candidate.foot !== undefined);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class="table">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ id, title, sortBy, isNumber, isSecondary }) => (
              <th
                key={id}
                scope="col"
                class={cellClass({ isNumber, isSecondary })}
                aria-sort={column === id ? (isDescending ? "descending" : "ascending") : undefined}
              >
                {sortBy ? (
                  <button
                    type="button"
                    onClick={() => {
                      setSort(column === id ? (isDescending ? id : `-${id}`) : isNumber ? `-${id}` : id);
                    }}
                  >
                    {title}
                    {column === id ? (
                      isDescending ? (
                        <ArrowDown size={14} aria-hidden="true" />
                      ) : (
                        <ArrowUp size={14} aria-hidden="true" />
                      )
                    ) : null}
                  </button>
                ) : (
                  title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, shown).map((row) => (
            <tr
              key={rowKey(row)}
              class={onRowClick ? "clickable" : ""}
              aria-selected={props.isRowMarked ? props.isRowMarked(row) : undefined}
              onClick={
                onRowClick
                  ? () => {
                      onRowClick(row);
                    }
                  : undefined
              }
            >
              {columns.map(({ id, cell, isNumber, isSecondary, bar }) => (
                <td key={id} class={cellClass({ isNumber, isSecondary, bar })}>
                  {bar ? <span style={{ width: `${Math.round(100 * Math.min(1, Math.max(0, bar(row))))}%` }} /> : null}
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {hasFoot ? (
          <tfoot>
            <tr>
              {columns.map(({ id, foot, isNumber, isSecondary }) => (
                <td key={id} class={cellClass({ isNumber, isSecondary })}>
                  {foot}
                </td>
              ))}
            </tr>
          </tfoot>
        ) : null}
      </table>
      {sorted.length > shown ? (
        <button
          type="button"
          class="button"
          onClick={() => {
            setShown(shown + 10 * limit);
          }}
        >
          {moreLabel}
        </button>
      ) : null}
    </div>
  );
}

function cellClass({ isNumber, isSecondary, bar }: { [Name in "isNumber" | "isSecondary" | "bar"]?: unknown }): string {
  return [isNumber && "number", isSecondary && "cell-secondary", bar && "cell-bar"].filter(Boolean).join(" ");
}
