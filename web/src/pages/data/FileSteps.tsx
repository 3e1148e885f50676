import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Button } from "~/ui/Button";
import { Loaded } from "~/ui/Loading";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { FieldList } from "./FieldList";
import { FileFacts } from "./FileFacts";
import type { Step } from "./FileQueue";
import { FirstThings } from "./FirstThings";
import { type FileHead, readHead, TRIED_ROWS } from "./heads";
import { type Choices, type Mapping, type Preview, readingOptions } from "./mapping";
import { fieldLabel } from "./names";
import { PreviewTable } from "./PreviewTable";
import { recallChoices, recallMappings, rememberMapping } from "./remembered";
import { SendResult } from "./SendResult";
import { TrialResult } from "./TrialResult";
import { canSend, requestPreview, tryRows } from "./upload";
import { useSending } from "./useSending";

interface Props {
  file: File;
  onStep: (step: Step) => void;
  /** Bring other files in between, such as the sites that this one names. */
  addFiles: (files: File[]) => void;
  /** The way to the next file. */
  further: ComponentChildren;
}

interface Loading {
  head: FileHead;
  preview: Preview;
}

/** The steps of one file on one page: what it is, its columns, a try, sending it, and what came of it. */
export function FileSteps({ file, onStep, addFiles, further }: Props) {
  const { texts, formats } = useLanguage();
  const { key } = useApplication();
  const [choices, setChoices] = useState<Choices>({});
  const [memory, setMemory] = useState<"unread" | "used" | "declined">("unread");
  const [tried, setTried] = useState<string | null>(null);
  const sending = useSending(key, file);
  const head = useRef<FileHead>();
  const readable = useRef<Choices>(); // the last choices by which the file could be read
  const fields = useRef<string[]>([]);

  const remote = useRemote<Loading>(JSON.stringify([key, choices]), async (signal) => {
    head.current ??= await readHead(file);
    return { head: head.current, preview: await requestPreview(key, head.current, choices, fields.current, signal) };
  });
  const preview = remote.data?.preview;
  if (preview && !remote.isLoading) readable.current = choices;
  fields.current = preview?.fields.map(({ name }) => name) ?? fields.current;

  const { step } = sending.state;
  const tell = useRef(onStep);
  tell.current = onStep;
  useEffect(() => {
    tell.current(step === "done" ? "done" : step === "sending" || step === "working" ? "sending" : "reading");
  }, [step]);

  useEffect(() => {
    if (!preview || remote.isLoading || memory === "declined" || choices.mapping) return;
    const recalled = recallMappings(
      key,
      preview.columns.map(({ name }) => name),
    );
    const fitting = choices.kind ? recalled.find(({ kind }) => kind === choices.kind) : recalled[0];
    if (!fitting) {
      setMemory("unread");
      return;
    }
    if (fitting.kind !== preview.kind) {
      setChoices({ ...choices, kind: fitting.kind }); // its fields are needed first
      return;
    }
    setMemory("used");
    setChoices({ ...choices, ...recallChoices(fitting) });
  }, [preview, remote.isLoading, memory, choices, key]);

  const options = useMemo(() => preview && readingOptions(preview, choices), [preview, choices]);
  const choicesId = JSON.stringify(choices);
  const isTried = tried === choicesId; // another choice makes the result out of date
  const trial = useRemote(
    isTried && preview && !remote.isLoading ? `${choicesId} ${JSON.stringify(options)}` : null,
    async (signal) => {
      if (!remote.data || !options) throw new Error("There is no preview.");
      return tryRows(key, file, remote.data.head, options, signal);
    },
    { immediate: true },
  );
  const isTrying = trial.isLoading || (isTried && remote.isLoading);

  function changeHowWritten(changes: Partial<Choices>): void {
    const isAboutColumns = Object.keys(changes).some((name) => name !== "dates" && name !== "timezone");
    const next = { ...choices, ...changes };
    if (isAboutColumns) {
      delete next.mapping; // the columns or the fields are others
      setMemory("unread");
    }
    setChoices(next);
  }

  function changeMapping(mapping: Mapping): void {
    setChoices({ ...choices, kind: preview?.kind ?? "", mapping });
  }

  if (sending.state.step !== "none" && options && preview)
    return <SendResult sending={sending} file={file} options={options} addFiles={addFiles} further={further} />;
  if (remote.error && readable.current && readable.current !== choices)
    return (
      <section class="card stack">
        <ErrorNotice error={remote.error} onRetry={remote.reload} />
        <div class="row">
          <Button
            onClick={() => {
              setChoices(readable.current ?? {});
            }}
          >
            {texts.data.undo}
          </Button>
        </div>
      </section>
    );
  return (
    <Loaded remote={remote} height={480}>
      {() => {
        if (!preview || !options) return null;
        const missing = preview.missing.map((name) =>
          preview.kind === "stays" && name === "site" ? texts.data.missingEither : fieldLabel(texts.data, name),
        );
        const isSendable = canSend(preview.kind, preview.format);
        const isReady = !missing.length && isSendable && preview.rows.length > 0;
        return (
          <div class="stack">
            <section class="card" aria-labelledby="step-kind">
              <div class="card-head">
                <h3 id="step-kind">{texts.data.whatIsIt}</h3>
              </div>
              <FileFacts
                preview={preview}
                timezone={options.timezone}
                isGuessed={!choices.kind}
                onChange={changeHowWritten}
              />
            </section>
            <FirstThings kind={preview.kind} addFiles={addFiles} />
            <section class="card" aria-labelledby="step-rows">
              <div class="card-head">
                <h3 id="step-rows">
                  {preview.rows.length ? texts.data.firstRows(preview.rows.length) : texts.data.rows}
                </h3>
              </div>
              <PreviewTable preview={preview} mapping={options} />
            </section>
            <section class="card" aria-labelledby="step-columns">
              <div class="card-head">
                <h3 id="step-columns">{texts.data.columns}</h3>
                {memory === "used" ? (
                  <span class="row muted">
                    {texts.data.remembered}
                    <Button
                      kind="plain"
                      onClick={() => {
                        setMemory("declined");
                        setChoices({ kind: preview.kind });
                      }}
                    >
                      {texts.data.guessAgain}
                    </Button>
                  </span>
                ) : null}
              </div>
              <FieldList
                key={`${preview.kind} ${memory}`}
                preview={preview}
                mapping={options}
                onChange={changeMapping}
              />
            </section>
            <section class="card stack" aria-labelledby="step-send">
              <h3 id="step-send">
                {texts.data.try} / {texts.data.send}
              </h3>
              {isSendable ? null : (
                <Notice kind="warning">{texts.data.tableFormat(texts.data.kinds[preview.kind] ?? preview.kind)}</Notice>
              )}
              {missing.length ? <Notice kind="warning">{texts.data.missing(formats.list(missing))}</Notice> : null}
              <div class="file-actions">
                <Button
                  disabled={!isReady || isTrying}
                  onClick={() => {
                    setTried(choicesId);
                  }}
                >
                  {isTrying ? texts.data.trying : texts.data.try}
                </Button>
                <Button
                  kind="main"
                  disabled={!isReady || remote.isLoading}
                  onClick={() => {
                    rememberMapping(
                      key,
                      preview.columns.map(({ name }) => name),
                      {
                        kind: options.kind,
                        mapper: options.mapper,
                        times: options.times,
                        units: options.units,
                        ...(options.timezone ? { timezone: options.timezone } : {}),
                        ...(options.dates ? { dates: options.dates } : {}),
                      },
                    );
                    sending.start(options);
                  }}
                >
                  {texts.data.sendAll(formats.bytes(file.size))}
                </Button>
                <p class="muted">{texts.data.tryHint(TRIED_ROWS)}</p>
              </div>
              {trial.error ? <ErrorNotice error={trial.error} /> : null}
              {trial.data && isTried && !isTrying ? (
                <TrialResult trial={trial.data} preview={preview} mapping={options} />
              ) : null}
            </section>
          </div>
        );
      }}
    </Loaded>
  );
}
