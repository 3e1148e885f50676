import type { ComponentChildren } from "preact";

import type { Remote } from "~/api/useRemote";
import { useTexts } from "~/i18n/language";

import { Button } from "./Button";
import { ErrorNotice, Notice } from "./Notice";

/** Grey area in the size of what is being loaded. */
export function Skeleton({ height }: { height: number }) {
  return <div class="skeleton" style={{ height: `${height}px` }} aria-hidden="true" />;
}

interface Props<T> {
  remote: Remote<T>;
  /** Height of what comes, in pixels. */
  height: number;
  children: (data: T) => ComponentChildren;
}

/** What has been loaded; before that a skeleton, a button to cancel when it is slow, or the error. */
export function Loaded<T>({ remote, height, children }: Props<T>) {
  const { common } = useTexts();
  if (remote.error) return <ErrorNotice error={remote.error} onRetry={remote.reload} />;
  return (
    <div aria-busy={remote.isLoading}>
      {remote.isSlow ? (
        <Notice>
          {common.slow} <Button onClick={remote.cancel}>{common.cancel}</Button>
        </Notice>
      ) : null}
      {remote.data === undefined ? (
        remote.isLoading ? (
          <>
            <span class="visually-hidden" role="status">
              {common.loading}
            </span>
            <Skeleton height={height} />
          </>
        ) : (
          <Button onClick={remote.reload}>{common.retry}</Button>
        )
      ) : (
        children(remote.data)
      )}
    </div>
  );
}
