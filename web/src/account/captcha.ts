/** Captcha of a locked account: a proof of work that the browser does by itself. */
import { api } from "~/api/client";
import { ApiError } from "~/api/errors";

import SolverWorker from "./captchaWorker?worker";

/** Run an action; when the account is locked, solve the server's captcha and run it again with the solution. */
export async function runWithCaptcha(
  action: (captchaPayload?: string) => Promise<void>,
  onLocked: () => void,
): Promise<void> {
  try {
    await action();
  } catch (problem) {
    if (!(problem instanceof ApiError) || problem.code !== "captcha_required") throw problem;
    onLocked();
    await action(await solveCaptcha(problem.captchaLevel));
  }
}

/** Return the solution of a new captcha of the level, as the server wants it. */
async function solveCaptcha(level: number): Promise<string> {
  const { data } = await api.GET("/auth/captcha", { params: { query: { level } } });
  const worker = new SolverWorker();
  try {
    const solution = await new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data: found }) => {
        resolve(found);
      };
      worker.onerror = () => {
        reject(new ApiError(0, ""));
      };
      worker.postMessage(data);
    });
    return btoa(JSON.stringify({ challenge: data, solution }));
  } finally {
    worker.terminate();
  }
}
