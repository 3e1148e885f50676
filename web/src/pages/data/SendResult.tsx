import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";

import { type ApiError, toApiError } from "~/api/errors";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { pagePath } from "~/state/location";
import { Button } from "~/ui/Button";
import { saveFile } from "~/ui/downloads";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { findUnknownNames, getRejected, rejectedName, type UnknownName } from "./batches";
import { BatchCounts, type Count, Counts } from "./Counts";
import { FileButton } from "./DropZone";
import { isTable, plotLocation } from "./kinds";
import type { ReadingOptions } from "./mapping";
import { Reasons } from "./Reasons";
import type { Batch, Imported } from "./upload";
import type { Sending } from "./useSending";

interface Props {
  file: File;
  options: ReadingOptions;
  addFiles: (files: File[]) => void;
  /** The way to the next file. */
  further: ComponentChildren;
}

/** Progress of a file that is being sent, then what came of it. */
export function SendResult({ sending, ...props }: Props & { sending: Sending }) {
  const { texts, formats } = useLanguage();
  const { file, options } = props;
  const { state } = sending;
  const heading = useRef<HTMLHeadingElement>(null);
  const isDone = state.step === "done";
  useEffect(() => {
    heading.current?.focus(); // of the progress, then of the result
  }, [isDone]);

  const back = (
    <Button kind="plain" onClick={sending.reset}>
      {texts.data.backToSteps}
    </Button>
  );
  const again = (
    <Button
      onClick={() => {
        sending.start(options);
      }}
    >
      {texts.data.sendAgain}
    </Button>
  );
  const workingText =
    state.step === "sending" ? texts.data.stay : isTable(options.kind) ? texts.data.workingTable : texts.data.working;
  switch (state.step) {
    case "none":
      return null;
    case "sending":
    case "working":
      return (
        <section class="card stack" aria-labelledby="send-title">
          <h3 id="send-title" ref={heading} tabIndex={-1}>
            {texts.data.sending(file.name)}
          </h3>
          <progress
            class="progress"
            aria-labelledby="send-title"
            max={1}
            {...(state.step === "sending" ? { value: state.total ? state.sent / state.total : 0 } : {})}
          />
          <div class="row">
            {state.step === "sending" ? (
              <p>{texts.data.sent(formats.bytes(state.sent), formats.bytes(state.total))}</p>
            ) : null}
            <p role="status">{workingText}</p>
            {state.step === "sending" ? <Button onClick={sending.cancel}>{texts.common.cancel}</Button> : null}
          </div>
        </section>
      );
    case "cancelled":
      return (
        <section class="card stack">
          <Notice>{texts.data.cancelled}</Notice>
          <div class="row">
            {again}
            {back}
          </div>
        </section>
      );
    case "failed":
      return (
        <section class="card stack">
          <ErrorNotice error={state.error} />
          <div class="row">
            {again}
            {back}
          </div>
        </section>
      );
    case "done":
      return (
        <section class="card stack" aria-labelledby="send-title">
          <h3 id="send-title" ref={heading} tabIndex={-1}>
            {isEmpty(state.result) ? texts.data.doneNothing(file.name) : texts.data.done(file.name)}
          </h3>
          {"batch" in state.result ? (
            <SentBatch batch={state.result.batch} again={again} {...props} />
          ) : (
            <SentTable imported={state.result.imported} {...props} />
          )}
        </section>
      );
  }
}

function isEmpty(result: { batch: Batch } | { imported: Imported }): boolean {
  if ("batch" in result) return !result.batch.accepted && !result.batch.duplicate;
  return !result.imported.created && !result.imported.updated && !result.imported.unchanged;
}

function SentBatch({ batch, options, again, addFiles, further }: Props & { batch: Batch; again: ComponentChildren }) {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const { data } = texts;
  const unknown = useRemote(batch.rejected ? `${key} ${batch._id}` : null, (signal) =>
    findUnknownNames(key, batch, options, signal),
  );
  const hasData = batch.accepted > 0 || batch.duplicate > 0;
  const { firstDay, lastDay } = batch;
  return (
    <>
      <BatchCounts batch={batch} />
      {batch.message ? <Notice kind="warning">{batch.message}</Notice> : null}
      {unknown.data?.length ? (
        <UnknownNames
          names={unknown.data}
          isComplete={batch.rejected <= MOST_TRIED}
          again={again}
          addFiles={addFiles}
        />
      ) : null}
      {batch.rejected ? (
        <>
          <Reasons batch={batch} />
          <RejectedDownload batch={batch} />
        </>
      ) : null}
      <div class="row">
        {hasData ? (
          <Link class="button button-main" href={pagePath(key, plotLocation(batch.kind, firstDay, lastDay))}>
            {data.showPlot}
          </Link>
        ) : null}
        {hasData && firstDay && lastDay ? (
          <Link class="button" href={pagePath(key, `overview?period=${firstDay}..${lastDay}&compare=none`)}>
            {data.showOverview}
          </Link>
        ) : null}
        {further}
        <Link class="button button-plain" href={`${pagePath(key, "data")}?batch=${batch._id}`}>
          {data.toBatch}
        </Link>
      </div>
    </>
  );
}

/** Download of the rejected lines of a batch, as they were sent. */
export function RejectedDownload({ batch }: { batch: Batch }) {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const [error, setError] = useState<ApiError | null>(null);
  return (
    <div class="stack">
      <div class="row">
        <Button
          onClick={() => {
            setError(null);
            getRejected(key, batch._id).then(
              (content) => {
                saveFile(content, rejectedName(batch));
              },
              (failure: unknown) => {
                setError(toApiError(failure));
              },
            );
          }}
        >
          {texts.data.downloadRejected}
        </Button>
        <span class="muted">{texts.data.rejectedHint}</span>
      </div>
      {error ? <ErrorNotice error={error} /> : null}
    </div>
  );
}

const MOST_NAMES = 30;
const MOST_TRIED = 1000; // lines that a dry run tells of

function UnknownNames({
  names,
  isComplete,
  again,
  addFiles,
}: {
  names: readonly UnknownName[];
  /** Whether all rejected lines were looked at, so that the counts are true. */
  isComplete: boolean;
  again: ComponentChildren;
  addFiles: (files: File[]) => void;
}) {
  const { texts, formats } = useLanguage();
  const { key } = useApplication();
  const { data } = texts;
  const resources = [...new Set(names.map(({ resource }) => resource))];
  return (
    <Notice kind="warning">
      {resources.map((resource) => {
        const own = names.filter((one) => one.resource === resource);
        return (
          <div key={resource}>
            <p>
              <strong>{data.unknownNames[resource]}</strong>
            </p>
            <ul class="names">
              {own.slice(0, MOST_NAMES).map(({ name, count }) => (
                <li key={name} class="badge">
                  {isComplete ? `${name} × ${formats.count(count)}` : name}
                </li>
              ))}
              {own.length > MOST_NAMES ? <li>{data.moreNames(own.length - MOST_NAMES)}</li> : null}
            </ul>
            <p>{data.unknownHelp}</p>
            <div class="row notice-actions">
              {resource === "equipments" ? null : (
                <FileButton label={data.bringKind(data.kinds[resource] ?? resource)} onFiles={addFiles} />
              )}
              <Link class="button" href={pagePath(key, `manage/${resource}`)}>
                {data.manageKind(data.manageNames[resource] ?? resource)}
              </Link>
              {again}
            </div>
          </div>
        );
      })}
    </Notice>
  );
}

function SentTable({ imported, file, options, further }: Props & { imported: Imported }) {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const { data } = texts;
  const counts: Count[] = [
    { label: data.created, value: imported.created },
    { label: data.updated, value: imported.updated },
    { label: data.unchanged, value: imported.unchanged },
    { label: data.failed, value: imported.failed, isBad: true },
  ];
  const page = plotLocation(options.kind);
  const [pageName = ""] = page.split("?");
  return (
    <>
      <Counts counts={counts} />
      {imported.errors.length ? (
        <>
          <table class="table">
            <caption class="visually-hidden">{data.reasons}</caption>
            <thead>
              <tr>
                <th scope="col" class="number">
                  {data.line}
                </th>
                <th scope="col">{data.column}</th>
                <th scope="col">{data.reason}</th>
              </tr>
            </thead>
            <tbody>
              {imported.errors.slice(0, 20).map((error) => (
                <tr key={`${error.line} ${error.column ?? ""} ${error.message}`}>
                  <td class="number">{error.line}</td>
                  <td>{error.column}</td>
                  <td>{error.message}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <div class="row">
            <Button
              onClick={() => {
                saveFile(writeReasons(imported), `${file.name.replace(/\.[a-z0-9]+$/i, "")}.rejected.csv`);
              }}
            >
              {data.downloadReasons}
            </Button>
          </div>
        </>
      ) : null}
      <div class="row">
        <Link class="button button-main" href={pagePath(key, page)}>
          {data.showPage[pageName] ?? data.showPlot}
        </Link>
        {further}
        <Link class="button button-plain" href={pagePath(key, `manage/${options.kind}`)}>
          {data.manageKind(data.manageNames[options.kind] ?? options.kind)}
        </Link>
      </div>
    </>
  );
}

/** Return the reasons of an import as CSV that spreadsheets open by a double click. */
function writeReasons({ errors }: Imported): Blob {
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const lines = errors.map(({ line, column, message }) => [line, quote(column ?? ""), quote(message)].join(";"));
  return new Blob([`\uFEFF${["line;column;reason", ...lines].join("\r\n")}\r\n`], { type: "text/csv" });
}
