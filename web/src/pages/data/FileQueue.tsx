import { X } from "lucide-preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Button } from "~/ui/Button";
import { Skeleton } from "~/ui/Loading";
import { Notice } from "~/ui/Notice";

import { FileButton } from "./DropZone";
import { FileSteps } from "./FileSteps";
import { readHead } from "./heads";
import { compareKinds } from "./kinds";
import { requestPreview } from "./upload";
import { useFileDrop } from "./useFileDrop";

export type Step = "reading" | "sending" | "done";

interface Entry {
  id: number;
  file: File;
  /** Guess of the server; "" when it is not known. */
  kind: string;
}

/** Files that were dropped, one at a time; what others name comes first. */
export function FileQueue({
  files,
  onAdd,
  onClose,
}: {
  files: readonly File[];
  onAdd: (files: File[]) => void;
  onClose: () => void;
}) {
  const { texts } = useLanguage();
  const { key, role } = useApplication();
  const [done, setDone] = useState<readonly number[]>([]);
  const [chosen, setChosen] = useState<number | null>(null);
  const [step, setStep] = useState<Step>("reading");
  const arranged = useRef(0); // how many files the choice has been made from
  const isOver = useFileDrop(onAdd);
  const kinds = useRemote(
    JSON.stringify([key, files.length]),
    (signal) => Promise.all(files.map((file) => (files.length === 1 ? "" : guessKind(key, file, signal)))),
    { immediate: true },
  );
  const isSorted = kinds.data?.length === files.length;

  const entries = useMemo<Entry[]>(
    () =>
      files
        .map((file, id) => ({ id, file, kind: kinds.data?.[id] ?? "" }))
        .sort((left, right) => compareKinds(left.kind, right.kind) || left.id - right.id),
    [files, kinds.data],
  );
  const open = entries.filter(({ id }) => !done.includes(id));
  const current = entries.find(({ id }) => id === chosen);

  useEffect(() => {
    const [first] = open;
    if (!isSorted || !first || arranged.current === files.length) return;
    if (current && step === "sending") return;
    arranged.current = files.length;
    // What another file needs comes before it, even when it is dropped later.
    if (!current || done.includes(current.id) || compareKinds(first.kind, current.kind) < 0) setChosen(first.id);
  }, [isSorted, files.length, open, current, done, step]);

  if (role === "reader") return <Notice>{texts.data.reader}</Notice>;
  if (!current) return <Skeleton height={420} />;
  const others = open.filter(({ id }) => id !== current.id);
  const [next] = others;
  return (
    <div class="stack">
      <header class={`row file-head ${isOver ? "file-head-over" : ""}`}>
        <h2 class="file-name">{current.file.name}</h2>
        {others.length ? (
          <span class="muted">{texts.data.waiting(others.map(({ file }) => file.name).join(", "))}</span>
        ) : null}
        {step === "sending" ? null : (
          <span class="file-close">
            <Button kind="plain" icon={<X size={18} aria-hidden="true" />} onClick={onClose}>
              {texts.data.closeFile}
            </Button>
          </span>
        )}
      </header>
      <FileSteps
        key={current.id}
        file={current.file}
        onStep={(now) => {
          setStep(now);
          if (now === "done") setDone((former) => [...former, current.id]);
        }}
        addFiles={onAdd}
        further={
          next ? (
            <Button
              onClick={() => {
                setStep("reading");
                setChosen(next.id);
              }}
            >
              {texts.data.next(next.file.name)}
            </Button>
          ) : (
            <FileButton label={texts.data.another} onFiles={onAdd} />
          )
        }
      />
    </div>
  );
}

async function guessKind(application: string, file: File, signal: AbortSignal): Promise<string> {
  try {
    return (await requestPreview(application, await readHead(file), {}, [], signal)).kind;
  } catch {
    return ""; // the steps of the file say why
  }
}
