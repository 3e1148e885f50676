/** A server without any data, with a platform administrator, for tests that start from nothing. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ADMINISTRATOR = { login: "admin@okube.example", password: "a-password-of-the-tests" };

export interface EmptyServer {
  url: string;
  stop: () => Promise<void>;
}

/** Start a server on an empty folder; `OKUBE_TEST_EMPTY_URL` names one that runs already. */
export async function startEmptyServer(): Promise<EmptyServer> {
  const running = process.env["OKUBE_TEST_EMPTY_URL"];
  if (running) return { url: running, stop: () => Promise.resolve() };
  const folder = mkdtempSync(join(tmpdir(), "okube-empty-"));
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, ADMINISTRATOR.password);
  const port = await findPort();
  const server = spawn("../.venv/bin/okube-api", ["serve", "--port", String(port)], {
    env: {
      ...process.env,
      OKUBE_STORE_URL: `duckdb:${join(folder, "store")}`,
      OKUBE_ADMIN_LOGIN: ADMINISTRATOR.login,
      OKUBE_ADMIN_PASSWORD_FILE: passwordFile,
    },
    stdio: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(url, server);
  return {
    url,
    stop: async () => {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Return a port that nothing listens on. */
function findPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === "object") resolve(address.port);
        else reject(new Error("No port is free."));
      });
    });
  });
}

async function waitUntilReady(url: string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 240; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`The server ended with status ${server.exitCode}.`);
    try {
      if ((await fetch(`${url}/health/ready`)).ok) return;
    } catch {
      // not yet
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error("The server did not start in a minute.");
}
