import { useEffect } from "preact/hooks";
import { Link } from "wouter-preact";

import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { pagePath, useQuery } from "~/state/location";
import { Button } from "~/ui/Button";
import { DataTable } from "~/ui/DataTable";
import { Loaded } from "~/ui/Loading";

import { type BatchPage, isUnfinished, listBatches, PAGE_SIZE } from "./batches";
import { BatchDays, BatchState, Remarks } from "./BatchState";
import type { Batch } from "./upload";

const REFRESH_MS = 3000;

/** Files of events, the latest first; read again while the server works on one of them. */
export function BatchList() {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const [params] = useQuery();
  const page = Math.max(1, Math.trunc(Number(params.get("page") ?? 1)) || 1);
  const remote = useRemote<BatchPage>(`${key} batches ${page}`, (signal) => listBatches(key, page, signal));
  useRefresh(Boolean(remote.data?.batches.some(isUnfinished)) && !remote.isLoading, remote.reload);
  return (
    <section class="card">
      <div class="card-head">
        <h2>{texts.data.batches}</h2>
        <span class="muted">{texts.data.batchesHint}</span>
      </div>
      <Loaded remote={remote} height={240}>
        {({ batches, total }) =>
          total ? (
            <>
              <BatchTable batches={batches} />
              <Pages page={page} total={total} />
            </>
          ) : (
            <p class="muted">{texts.data.noBatches}</p>
          )
        }
      </Loaded>
    </section>
  );
}

/** Call a function every few seconds while it is needed. */
export function useRefresh(isNeeded: boolean, refresh: () => void): void {
  useEffect(() => {
    if (!isNeeded) return;
    const timer = setTimeout(refresh, REFRESH_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [isNeeded, refresh]);
}

function BatchTable({ batches }: { batches: readonly Batch[] }) {
  const { texts, formats } = useLanguage();
  const { key, timezone } = useApplication();
  const { data } = texts;
  const count = (value: number) => (value ? formats.count(value) : <span class="muted">0</span>);
  return (
    <DataTable
      caption={data.batches}
      rows={batches}
      rowKey={(batch) => batch._id}
      columns={[
        {
          id: "when",
          title: data.when,
          cell: (batch) => (
            <Link class="batch-when" href={`${pagePath(key, "data")}?batch=${batch._id}`}>
              {formats.instant(batch.createdAt, timezone)}
            </Link>
          ),
          sortBy: (batch) => batch.createdAt,
        },
        {
          id: "file",
          title: data.file,
          cell: (batch) => batch.name ?? <span class="muted">{data.noName}</span>,
          sortBy: (batch) => batch.name ?? null,
        },
        {
          id: "kind",
          title: data.kind,
          cell: (batch) => data.kinds[batch.kind] ?? batch.kind,
          sortBy: (batch) => data.kinds[batch.kind] ?? batch.kind,
        },
        { id: "state", title: data.state, cell: (batch) => <BatchState batch={batch} /> },
        {
          id: "accepted",
          title: data.accepted,
          isNumber: true,
          cell: (batch) => count(batch.accepted),
          sortBy: (batch) => batch.accepted,
        },
        {
          id: "duplicate",
          title: data.duplicate,
          isNumber: true,
          cell: (batch) => count(batch.duplicate),
          sortBy: (batch) => batch.duplicate,
        },
        {
          id: "rejected",
          title: data.rejected,
          isNumber: true,
          cell: (batch) =>
            batch.rejected ? <strong class="count-bad">{formats.count(batch.rejected)}</strong> : count(0),
          sortBy: (batch) => batch.rejected,
        },
        ...(batches.some(({ kind }) => kind === "pings")
          ? [
              {
                id: "unmatched",
                title: data.unmatched,
                isNumber: true,
                cell: (batch: Batch) =>
                  batch.kind === "pings" ? count(batch.unmatched) : <span class="muted">–</span>,
                sortBy: (batch: Batch) => batch.unmatched,
              },
            ]
          : []),
        {
          id: "days",
          title: data.days,
          cell: (batch) => <BatchDays batch={batch} />,
          sortBy: (batch) => batch.firstDay ?? null,
        },
        { id: "warnings", title: data.warnings, cell: (batch) => <Remarks batch={batch} /> },
      ]}
    />
  );
}

function Pages({ page, total }: { page: number; total: number }) {
  const { texts, formats } = useLanguage();
  const [, change] = useQuery();
  const pages = Math.ceil(total / PAGE_SIZE);
  if (pages < 2 && page === 1) return null;
  const goTo = (next: number) => {
    change({ page: next === 1 ? null : String(next) });
  };
  return (
    <nav class="row batch-pages" aria-label={texts.data.batches}>
      <Button
        disabled={page <= 1}
        onClick={() => {
          goTo(page - 1);
        }}
      >
        {texts.data.newer}
      </Button>
      <span class="muted">{texts.data.pageOf(formats.count(page), formats.count(pages))}</span>
      <Button
        disabled={page >= pages}
        onClick={() => {
          goTo(page + 1);
        }}
      >
        {texts.data.older}
      </Button>
    </nav>
  );
}
