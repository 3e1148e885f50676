import { useEffect, useState } from "preact/hooks";

import { useApplication } from "~/application";
import { useTexts } from "~/i18n/language";
import { useQuery } from "~/state/location";
import { Notice } from "~/ui/Notice";

import { BatchDetail } from "./BatchDetail";
import { BatchList } from "./BatchList";
import { DropZone } from "./DropZone";
import { FileQueue } from "./FileQueue";

import "./data.css";

/** Files of events that were sent, and a place to bring new files of any kind. */
export function DataPage() {
  const { data: texts } = useTexts();
  const { key, role } = useApplication();
  const [params] = useQuery();
  const [files, setFiles] = useState<readonly File[]>([]);
  const [hasDeleted, setDeleted] = useState(false);
  const batch = params.get("batch");

  useEffect(() => {
    setFiles([]);
  }, [key]);
  useEffect(() => {
    if (batch) {
      setFiles([]);
      setDeleted(false);
    }
  }, [batch]);

  if (batch)
    return (
      <BatchDetail
        id={batch}
        onDeleted={() => {
          setDeleted(true);
        }}
      />
    );
  if (files.length)
    return (
      <FileQueue
        files={files}
        onAdd={(added) => {
          setFiles([...files, ...added]);
        }}
        onClose={() => {
          setFiles([]);
        }}
      />
    );
  return (
    <div class="stack">
      {role === "reader" ? <Notice>{texts.reader}</Notice> : <DropZone onFiles={setFiles} />}
      {hasDeleted ? <Notice kind="good">{texts.deleted}</Notice> : null}
      <BatchList />
    </div>
  );
}
