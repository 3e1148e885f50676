import { useState } from "preact/hooks";

import { useTexts } from "~/i18n/language";
import { ROOT } from "~/root";
import { CopyButton } from "~/ui/CopyButton";
import { Dialog } from "~/ui/Dialog";
import { Segmented } from "~/ui/Segmented";

import { curlCommand, pythonProgram, type QuestionRequest } from "./request";

type Form = "json" | "curl" | "python";

/** The exact request of the answer, to copy. */
export function RequestDialog({ request, onClose }: { request: QuestionRequest; onClose: () => void }) {
  const { explore } = useTexts();
  const [form, setForm] = useState<Form>("json");
  const base = location.origin + ROOT;
  const text =
    form === "json"
      ? JSON.stringify(request.question, null, 2)
      : form === "curl"
        ? curlCommand(request, base)
        : pythonProgram(request, base);
  return (
    <Dialog title={explore.requestTitle} onClose={onClose}>
      <div class="row request-head">
        <Segmented
          label={explore.request}
          value={form}
          options={[
            { value: "json", label: explore.asJson },
            { value: "curl", label: explore.asCurl },
            { value: "python", label: explore.asPython },
          ]}
          onChange={setForm}
        />
        <CopyButton text={text} />
      </div>
      {form === "json" ? (
        <p class="request-address">
          {explore.requestAddress} <code>{base + request.path}</code>
        </p>
      ) : (
        <p class="muted">{explore.requestHint}</p>
      )}
      <pre class="request-text" tabIndex={0}>
        {text}
      </pre>
    </Dialog>
  );
}
