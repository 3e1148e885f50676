import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { type ApiError, toApiError } from "~/api/errors";

import { getBatch, isUnfinished } from "./batches";
import type { ReadingOptions } from "./mapping";
import { makeKey, type Sent, sendFile } from "./upload";

const POLL_MS = 1000;

export type SendingState =
  | { step: "none" }
  | { step: "sending"; sent: number; total: number }
  /** The server has the whole file. */
  | { step: "working" }
  | { step: "cancelled" }
  | { step: "failed"; error: ApiError }
  | { step: "done"; result: Sent };

export interface Sending {
  state: SendingState;
  start: (options: ReadingOptions) => void;
  cancel: () => void;
  reset: () => void;
}

/** Send a file and follow it until it counts. A repetition after a failure is the same request for the server. */
export function useSending(application: string, file: File): Sending {
  const [state, setState] = useState<SendingState>({ step: "none" });
  const controller = useRef<AbortController>();
  const attempt = useRef({ id: "", key: "" });

  useEffect(
    () => () => {
      controller.current?.abort();
    },
    [],
  );
  const isSending = state.step === "sending";
  useEffect(() => {
    if (!isSending) return;
    const warn = (event: BeforeUnloadEvent) => {
      event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => {
      window.removeEventListener("beforeunload", warn);
    };
  }, [isSending]);

  const start = useCallback(
    (options: ReadingOptions) => {
      const abort = new AbortController();
      controller.current = abort;
      const id = JSON.stringify(options);
      if (attempt.current.id !== id) attempt.current = { id, key: makeKey() };
      setState({ step: "sending", sent: 0, total: file.size });
      const run = async () => {
        const sent = await sendFile(application, file, options, {
          key: attempt.current.key,
          signal: abort.signal,
          onProgress: (bytes, total) => {
            if (!abort.signal.aborted)
              setState(bytes < total ? { step: "sending", sent: bytes, total } : { step: "working" });
          },
        });
        attempt.current = { id: "", key: "" }; // the next time is another request
        let result = sent;
        while ("batch" in result && isUnfinished(result.batch)) {
          setState({ step: "working" });
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
          result = { batch: await getBatch(application, result.batch._id, abort.signal) };
        }
        setState({ step: "done", result });
      };
      run().catch((error: unknown) => {
        if (abort.signal.aborted) {
          attempt.current = { id: "", key: "" };
          setState({ step: "cancelled" });
        } else setState({ step: "failed", error: toApiError(error) });
      });
    },
    [application, file],
  );

  const cancel = useCallback(() => {
    controller.current?.abort();
  }, []);
  const reset = useCallback(() => {
    setState({ step: "none" });
  }, []);
  return { state, start, cancel, reset };
}
