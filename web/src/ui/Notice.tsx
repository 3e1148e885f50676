import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";

import type { ApiError } from "~/api/errors";
import type { Texts } from "~/i18n/en";
import { useTexts } from "~/i18n/language";

import { Button } from "./Button";

type Kind = "info" | "warning" | "error" | "good";

const ICONS = { info: Info, warning: TriangleAlert, error: CircleAlert, good: CircleCheck };

/** Message within the page; errors are announced to screen readers at once. */
export function Notice({ kind = "info", children }: { kind?: Kind; children: ComponentChildren }) {
  const Icon = ICONS[kind];
  return (
    <div class={`notice notice-${kind}`} role={kind === "error" ? "alert" : "status"}>
      <Icon size={18} aria-hidden="true" />
      <div class="notice-body">{children}</div>
    </div>
  );
}

/**
 * Return what an error says: a sentence in the user's language, and the English one of the server; one may be empty.
 *
 * Errors without a code are not of the server: their message is in the user's language.
 */
export function describeError(error: ApiError, common: Texts["common"]): { sentence: string; detail: string } {
  if (!error.code) return { sentence: error.message || common.offline, detail: "" };
  const sentence = error.code === "forbidden" ? common.noPermission : common.problems[error.code];
  return { sentence: sentence ?? "", detail: error.message };
}

const MOST_FAULTS = 20;

/** Return the faults of a refusal with their fields, without a single one that the message says. */
export function listFaults({ errors, message }: ApiError): string[] {
  if (errors.length === 1 && message.includes(errors[0]?.message ?? "")) return [];
  const faults = errors.map(({ pointer, message: fault }) => {
    const name = pointer.slice(1).replaceAll("/", ".");
    return name && !fault.includes(`'${pointer.slice(pointer.lastIndexOf("/") + 1)}'`) ? `${name}: ${fault}` : fault;
  });
  return [...new Set(faults)].slice(0, MOST_FAULTS);
}

/** What an error says, with the id of its request, and a button to try again. */
export function ErrorNotice({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  const { common } = useTexts();
  const { sentence, detail } = describeError(error, common);
  const faults = listFaults(error);
  return (
    <Notice kind="error">
      {sentence ? <p>{sentence}</p> : null}
      {detail ? (
        <p lang="en" class={sentence ? "muted" : ""}>
          {detail}
        </p>
      ) : null}
      {faults.length ? (
        <ul>
          {faults.map((fault) => (
            <li key={fault} lang="en">
              {fault}
            </li>
          ))}
        </ul>
      ) : null}
      {error.requestId ? <p class="muted">{common.requestId(error.requestId)}</p> : null}
      {onRetry ? <Button onClick={onRetry}>{common.retry}</Button> : null}
    </Notice>
  );
}
