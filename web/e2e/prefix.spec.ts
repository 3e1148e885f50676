/** The page behind a proxy that serves it under a prefix, as in `https://example.com/okube/`. */
import { createServer, request as send, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { LOGIN, PASSWORD } from "./page";
import { expect, test } from "@playwright/test";

const PREFIX = "/okube";

/** Start a proxy with HTTPS at its front in name: it sets the headers that such a proxy sets. */
async function startProxy(target: URL): Promise<Server> {
  const proxy = createServer((request, response) => {
    const path = request.url ?? "";
    if (!path.startsWith(`${PREFIX}/`)) {
      response.writeHead(404).end();
      return;
    }
    const { origin, ...headers } = request.headers;
    const forwarded = send(
      {
        host: target.hostname,
        port: target.port,
        path: path.slice(PREFIX.length),
        method: request.method,
        headers: {
          ...headers,
          ...(origin ? { origin: origin.replace("http:", "https:") } : {}),
          "x-forwarded-for": "127.0.0.1",
          "x-forwarded-proto": "https",
          "x-forwarded-prefix": PREFIX,
        },
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on("error", () => response.writeHead(502).end());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return proxy;
}

test("every page works behind a prefix", async ({ page, baseURL }) => {
  const proxy = await startProxy(new URL(baseURL ?? ""));
  try {
    const root = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${PREFIX}/`;
    const outside: string[] = [];
    const failed: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(root) && !/^(data|blob):/.test(request.url())) outside.push(request.url());
    });
    page.on("response", (response) => {
      if (response.status() >= 400 && !response.url().endsWith("/auth/me")) failed.push(response.url());
    });
    await page.goto(root);
    await page.getByLabel("E-mail address").fill(LOGIN);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page).toHaveURL(/\/okube\/a\/[^/]+\/overview/);
    for (const name of ["Explore", "Map", "Campaigns", "Data", "Manage"]) {
      await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();
      await expect(page.getByRole("heading", { level: 1, name })).toBeAttached();
      await page.waitForLoadState("networkidle");
    }
    await page.reload();
    await expect(page.getByRole("heading", { level: 1, name: "Manage" })).toBeAttached();
    expect(outside).toEqual([]);
    expect(failed).toEqual([]);
  } finally {
    proxy.close();
  }
});
