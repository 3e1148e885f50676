import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";

import type { ApiError } from "~/api/errors";
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

/** The server's sentence about an error, with the id of its request, and a button to try again. */
export function ErrorNotice({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  const { common } = useTexts();
  const message =
    error.status === 0 ? error.message || common.offline : error.status === 403 ? common.noPermission : error.message;
  return (
    <Notice kind="error">
      <p>{message}</p>
      {error.status === 403 && error.message ? <p class="muted">{error.message}</p> : null}
      {error.errors.length > 0 && !error.message.includes(error.errors[0]?.message ?? "") ? (
        <ul>
          {error.errors.slice(0, 20).map((field) => (
            <li key={field.pointer + field.message}>{field.message}</li>
          ))}
        </ul>
      ) : null}
      {error.requestId ? <p class="muted">{common.requestId(error.requestId)}</p> : null}
      {onRetry ? <Button onClick={onRetry}>{common.retry}</Button> : null}
    </Notice>
  );
}
