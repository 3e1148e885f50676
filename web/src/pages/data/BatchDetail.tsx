import { ArrowLeft, Trash2 } from "lucide-preact";
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";

import { type ApiError, toApiError } from "~/api/errors";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { pagePath, useQuery } from "~/state/location";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Loaded } from "~/ui/Loading";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { deleteBatch, getBatch, isUnfinished } from "./batches";
import { useRefresh } from "./BatchList";
import { BatchDays, BatchState, Remarks } from "./BatchState";
import { BatchCounts } from "./Counts";
import { plotLocation } from "./kinds";
import { Reasons } from "./Reasons";
import { RejectedDownload } from "./SendResult";
import type { Batch } from "./upload";

/** One file of events: what came of it, why lines were rejected, and its deletion. */
export function BatchDetail({ id, onDeleted }: { id: string; onDeleted: () => void }) {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const remote = useRemote(`${key} batch ${id}`, (signal) => getBatch(key, id, signal), { immediate: true });
  useRefresh(Boolean(remote.data && isUnfinished(remote.data)) && !remote.isLoading, remote.reload);
  return (
    <div class="stack">
      <Link class="row" href={pagePath(key, "data")}>
        <ArrowLeft size={18} aria-hidden="true" />
        {texts.data.backToList}
      </Link>
      <Loaded remote={remote} height={320}>
        {(batch) => <Detail batch={batch} onDeleted={onDeleted} />}
      </Loaded>
    </div>
  );
}

function Detail({ batch, onDeleted }: { batch: Batch; onDeleted: () => void }) {
  const { texts, formats } = useLanguage();
  const { key, role, timezone } = useApplication();
  const { data } = texts;
  const [isAsking, setAsking] = useState(false);
  const { firstDay, lastDay } = batch;
  return (
    <section class="card stack" aria-labelledby="batch-title">
      <div class="row">
        <h2 id="batch-title" class="file-name">
          {batch.name ?? data.kinds[batch.kind] ?? batch.kind}
        </h2>
        <BatchState batch={batch} />
      </div>
      {batch.state === "visible" ? null : <p>{data.stateHints[batch.state]}</p>}
      <dl class="batch-facts">
        <dt>{data.kind}</dt>
        <dd>{data.kinds[batch.kind] ?? batch.kind}</dd>
        <dt>{data.received}</dt>
        <dd>{formats.instant(batch.createdAt, timezone)}</dd>
        <dt>{data.days}</dt>
        <dd>
          <BatchDays batch={batch} />
        </dd>
        <dt>{data.format}</dt>
        <dd>{data.formats[batch.format ?? ""] ?? batch.format ?? "–"}</dd>
      </dl>
      <BatchCounts batch={batch} />
      <Remarks batch={batch} />
      {batch.message ? <Notice kind="warning">{batch.message}</Notice> : null}
      {batch.rejected ? (
        <>
          <Reasons batch={batch} />
          {role === "reader" ? null : <RejectedDownload batch={batch} />}
        </>
      ) : null}
      <div class="row">
        {batch.accepted ? (
          <Link class="button button-main" href={pagePath(key, plotLocation(batch.kind, firstDay, lastDay))}>
            {data.showPlot}
          </Link>
        ) : null}
        {role === "reader" ? null : (
          <Button
            kind="danger"
            icon={<Trash2 size={16} aria-hidden="true" />}
            disabled={batch.state === "removing"}
            onClick={() => {
              setAsking(true);
            }}
          >
            {data.deleteBatch}
          </Button>
        )}
      </div>
      {isAsking ? (
        <Deletion
          batch={batch}
          onDeleted={onDeleted}
          onClose={() => {
            setAsking(false);
          }}
        />
      ) : null}
    </section>
  );
}

function Deletion({ batch, onDeleted, onClose }: { batch: Batch; onDeleted: () => void; onClose: () => void }) {
  const { texts, formats } = useLanguage();
  const { key } = useApplication();
  const [, change] = useQuery();
  const [isDeleting, setDeleting] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  function confirm(): void {
    setDeleting(true);
    setError(null);
    deleteBatch(key, batch._id).then(
      () => {
        onDeleted();
        change({ batch: null }, { replace: true });
      },
      (failure: unknown) => {
        setDeleting(false);
        setError(toApiError(failure));
      },
    );
  }

  return (
    <Dialog title={texts.data.deleteTitle} onClose={onClose}>
      <p>{texts.data.deleteText(formats.count(batch.accepted))}</p>
      {error ? <ErrorNotice error={error} /> : null}
      <div class="row">
        <Button kind="danger" disabled={isDeleting} onClick={confirm}>
          {texts.common.delete}
        </Button>
        <Button onClick={onClose}>{texts.common.cancel}</Button>
      </div>
    </Dialog>
  );
}
