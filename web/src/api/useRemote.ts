import { useEffect, useRef, useState } from "preact/hooks";

import { type ApiError, toApiError } from "./errors";

export interface Remote<T> {
  /** The last answer; while the next one is loading, the former one. */
  data: T | undefined;
  error: ApiError | undefined;
  isLoading: boolean;
  /** Whether the answer takes more than 10 seconds, so that the user may want to cancel. */
  isSlow: boolean;
  cancel: () => void;
  reload: () => void;
}

const DELAY_MS = 150; // after the last change of the key
const SLOW_MS = 10_000;

/**
 * Load something that depends on `key`, again whenever the key changes; `null` loads nothing.
 *
 * The request of the former key is cancelled. `immediate`: do not wait for further changes first.
 */
export function useRemote<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  { immediate = false }: { immediate?: boolean } = {},
): Remote<T> {
  const [state, setState] = useState<{ key: string | null; data?: T; error?: ApiError; isLoading: boolean }>({
    key: null,
    isLoading: key !== null,
  });
  const [isSlow, setSlow] = useState(false);
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const controller = useRef<AbortController>();
  const isFirst = useRef(true);

  useEffect(() => {
    if (key === null) {
      setState({ key, isLoading: false });
      return;
    }
    const abort = new AbortController();
    controller.current = abort;
    setState((former) => ({ ...former, isLoading: true }));
    setSlow(false);
    const slow = setTimeout(() => {
      setSlow(true);
    }, SLOW_MS);
    const start = setTimeout(
      () => {
        latest.current(abort.signal).then(
          (data) => {
            if (!abort.signal.aborted) setState({ key, data, isLoading: false });
            clearTimeout(slow);
          },
          (error: unknown) => {
            clearTimeout(slow);
            if (abort.signal.aborted) return;
            setState({ key, error: toApiError(error), isLoading: false });
          },
        );
      },
      immediate || isFirst.current ? 0 : DELAY_MS,
    );
    isFirst.current = false;
    return () => {
      abort.abort();
      clearTimeout(start);
      clearTimeout(slow);
    };
  }, [key, round, immediate]);

  return {
    data: state.data,
    error: state.error,
    isLoading: state.isLoading || (key !== null && state.key !== key && !state.error),
    isSlow: isSlow && state.isLoading,
    cancel: () => {
      controller.current?.abort();
      setState({ key, isLoading: false }); // without the former answer, which is about something else
    },
    reload: () => {
      setRound((former) => former + 1);
    },
  };
}
