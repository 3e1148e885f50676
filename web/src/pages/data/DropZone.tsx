import { FileUp } from "lucide-preact";
import { useRef } from "preact/hooks";

import { useTexts } from "~/i18n/language";
import { Button } from "~/ui/Button";

import { useFileDrop } from "./useFileDrop";

/** Button that opens the browser's choice of files. */
export function FileButton({
  label,
  kind = "normal",
  onFiles,
}: {
  label: string;
  kind?: "normal" | "main";
  onFiles: (files: File[]) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = ""; // so that the same file can be chosen again
          if (files.length) onFiles(files);
        }}
      />
      <Button
        kind={kind}
        onClick={() => {
          input.current?.click();
        }}
      >
        {label}
      </Button>
    </>
  );
}

/** Place for files that are dropped anywhere on the page, and a button to choose them. */
export function DropZone({ onFiles }: { onFiles: (files: File[]) => void }) {
  const { data: texts } = useTexts();
  const isOver = useFileDrop(onFiles);
  return (
    <section class={`drop-zone ${isOver ? "drop-zone-over" : ""}`} aria-labelledby="drop-title">
      <FileUp size={32} aria-hidden="true" />
      <h2 id="drop-title">{isOver ? texts.dropNow : texts.drop}</h2>
      <p>{texts.dropHint}</p>
      <FileButton kind="main" label={texts.choose} onFiles={onFiles} />
      <p class="hint">
        {texts.order} {texts.nothingIsStored}
      </p>
    </section>
  );
}
