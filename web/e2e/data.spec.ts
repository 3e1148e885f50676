/** From French spreadsheets to a weekly plot and a cost per visit, in an application that has nothing yet. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

import type { APIRequestContext, Page } from "@playwright/test";

import { ADMINISTRATOR, type EmptyServer, startEmptyServer } from "./emptyServer";
import { expect, expectAccessible, expectNoOverflow, settle, tabTo, test as base } from "./page";

/** What the files hold, as the script that writes them counts it. */
interface Expected {
  shops: number;
  visits: number;
  weekly: number[];
  purchases: number;
  campaigns: number;
  cost: number;
  from: string;
  to: string;
}

const test = base.extend<object, { server: EmptyServer }>({
  server: [
    async ({}, provide) => {
      const server = await startEmptyServer();
      await provide(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  cookies: [
    async ({}, provide) => {
      await provide([]); // of no login to the demonstration
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, provide) => {
    await provide(server.url);
  },
});
test.use({ isLoggedIn: false, expectedFailures: ["/auth/me"] });
test.describe.configure({ mode: "default" }); // one server for all of them

/** Log in as an administrator, and return the key of a new application. */
async function createApplication(request: APIRequestContext, url: string): Promise<string> {
  await logIn(request, url, ADMINISTRATOR.login, ADMINISTRATOR.password);
  const key = `atelier-${Date.now().toString(36)}`;
  const answer = await request.post("/applications", {
    data: { key, name: "Atelier Vasseur", timezone: "Europe/Paris", currency: "EUR" },
    headers: { Origin: url },
  });
  expect(answer.status()).toBe(201);
  return key;
}

async function logIn(request: APIRequestContext, url: string, login: string, password: string): Promise<void> {
  const answer = await request.post("/auth/login", {
    data: { login, password, setCookie: true },
    headers: { Origin: url },
  });
  expect(answer.status()).toBe(200);
}

/** Write the files of the four whole weeks before this one, and return what they hold. */
function writeFiles(folder: string): Expected {
  const today = new Date();
  const monday = new Date(today.getTime() - (((today.getUTCDay() + 6) % 7) + 28) * 86_400_000);
  const answer = execFileSync("../.venv/bin/python", [
    "e2e/french_files.py",
    folder,
    monday.toISOString().slice(0, 10),
  ]);
  return JSON.parse(answer.toString()) as Expected;
}

/** Drop files onto the page as a mouse does. */
async function dropFiles(page: Page, ...paths: string[]): Promise<void> {
  const files = paths.map((path) => ({ name: basename(path), content: readFileSync(path).toString("base64") }));
  const transfer = await page.evaluateHandle((list) => {
    const result = new DataTransfer();
    for (const { name, content } of list)
      result.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
    return result;
  }, files);
  const target = page.locator("main");
  for (const event of ["dragenter", "dragover", "drop"]) await target.dispatchEvent(event, { dataTransfer: transfer });
}

/** Return the number under a name among the results of a file. */
function result(page: Page, name: string) {
  return page.locator(".counts div").filter({ hasText: name }).locator("dd");
}

test("three French spreadsheets lead to a weekly plot and a cost per visit", async ({ page, server }, info) => {
  test.setTimeout(180_000);
  const folder = info.outputPath("files");
  const expected = writeFiles(folder);
  const application = await createApplication(page.request, server.url);
  await page.goto(`/a/${application}/data`);
  await settle(page);
  await expectAccessible(page);

  // Visits first: the page says what they need.
  await dropFiles(page, join(folder, "visites.csv"));
  await expect(page.getByRole("heading", { name: "visites.csv" })).toBeVisible();
  await expect(page.getByText("Bring your sites first")).toBeVisible();
  await settle(page);
  await expectAccessible(page);

  // The sites come before the visits, although they are dropped later.
  await dropFiles(page, join(folder, "magasins.xlsx"));
  await expect(page.getByRole("heading", { name: "magasins.xlsx" })).toBeVisible();
  await expect(page.getByLabel("Kind", { exact: true })).toHaveValue("sites");
  await expect(page.getByRole("cell", { name: "Atelier Vasseur Évry" })).toBeVisible();
  await expect(page.getByLabel("Column for Name")).toHaveValue("Nom");
  await page.getByRole("button", { name: "Try" }).click();
  await expect(page.getByText(`All ${expected.shops} rows that were tried are good.`)).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: /^Send the whole file/ }).click();
  await expect(page.getByRole("heading", { name: "magasins.xlsx is in" })).toBeVisible();
  await expect(result(page, "New")).toHaveText(String(expected.shops));
  await expectAccessible(page);

  // A CSV file as the French Excel writes it.
  await page.getByRole("button", { name: "Next: visites.csv" }).click();
  await expect(page.getByLabel("Kind", { exact: true })).toHaveValue("visits");
  await expect(page.getByText("Bring your sites first")).toHaveCount(0);
  await expect(page.getByLabel("Encoding")).toHaveValue("windows-1252");
  await expect(page.getByLabel("Columns are separated by")).toHaveValue(";");
  await expect(page.getByLabel("Days are written")).toHaveValue("dmy");
  await expect(page.getByLabel("Time zone")).toHaveValue("site");
  await expect(page.getByLabel("Column for Day and time")).toHaveValue("Date");
  await expect(page.getByLabel("Column of the time of day for Day and time")).toHaveValue("Heure");

  // What lacks is said, and blocks; a wrong order of day and month shows when it is tried.
  await page.getByLabel("Column for Site").selectOption("");
  await expect(page.getByText("Choose a column for: Site.")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Send the whole file/ })).toBeDisabled();
  await expectAccessible(page);
  await page.getByLabel("Column for Site").selectOption("Code magasin");
  await page.getByLabel("Days are written").selectOption("mdy");
  await page.getByRole("button", { name: "Try" }).click();
  await expect(page.getByText(/would be rejected|None of the/)).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("Days are written").selectOption("dmy");
  await page.getByRole("button", { name: "Try" }).click();
  await expect(page.getByText("All 100 rows that were tried are good.")).toBeVisible();

  await page.getByRole("button", { name: /^Send the whole file/ }).click();
  await expect(page.getByRole("heading", { name: "visites.csv is in" })).toBeVisible();
  await expect(result(page, "Accepted")).toHaveText(String(expected.visits));
  await expect(result(page, "Rejected")).toHaveText("1");
  await expect(page.getByText("These sites are not known:")).toBeVisible();
  await expect(page.getByText("M09 × 1")).toBeVisible();
  await expectAccessible(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download the rejected rows" }).click();
  const rejected = await download;
  expect(rejected.suggestedFilename()).toBe("visites.rejected.csv");
  expect(readFileSync(await rejected.path()).toString()).toMatch(/^N° client;.*\nC0001;M09;[^\n]*\n$/);

  await dropFiles(page, join(folder, "achats.csv"), join(folder, "campagnes.xlsx"));
  await expect(page.getByLabel("Kind", { exact: true })).toHaveValue("campaigns");
  await expect(page.getByLabel("Column for Cost", { exact: true })).toHaveValue("Coût HT");
  await page.getByRole("button", { name: /^Send the whole file/ }).click();
  await expect(page.getByRole("heading", { name: "campagnes.xlsx is in" })).toBeVisible();
  await expect(result(page, "New")).toHaveText(String(expected.campaigns));
  await page.getByRole("button", { name: "Next: achats.csv" }).click();
  await expect(page.getByLabel("Kind", { exact: true })).toHaveValue("purchases");
  await page.getByRole("button", { name: /^Send the whole file/ }).click();
  await expect(page.getByRole("heading", { name: "achats.csv is in" })).toBeVisible();
  await expect(result(page, "Accepted")).toHaveText(String(expected.purchases));
  await page.getByRole("button", { name: "Close this file" }).click();

  // All files, one of them in detail, and the plot of its weeks.
  await settle(page);
  await expect(page.getByRole("row")).toHaveCount(3);
  await expectAccessible(page);
  await page
    .getByRole("row", { name: /visites\.csv/ })
    .getByRole("link")
    .click();
  await expect(page.getByText("'site': No site has this id, key or name.")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Show what came in" }).click();
  await expect(page).toHaveURL(new RegExp(`explore\\?.*kpi=visits.*period=${expected.from}`));
  await expect(page.locator("main table tbody tr td:last-child")).toHaveText(expected.weekly.map(String));

  await page.goto(`/a/${application}/overview?period=${expected.from}..${expected.to}&compare=none`);
  const perVisit = new Intl.NumberFormat("en-GB", { style: "currency", currency: "EUR", maximumSignificantDigits: 3 });
  await expect(page.getByRole("button", { name: /Cost over all visits/ })).toContainText(
    perVisit.format(expected.cost / expected.visits),
  );
});

test("bring a file by the keyboard alone, and again by its remembered columns", async ({ page, server }, info) => {
  test.setTimeout(120_000);
  const folder = info.outputPath("files");
  const expected = writeFiles(folder);
  const application = await createApplication(page.request, server.url);
  await page.goto(`/a/${application}/data`);
  await settle(page);

  await bringByKeyboard(page, join(folder, "magasins.xlsx"), "Choose files");
  await tabTo(page, "Column for Tags");
  await page.keyboard.press("Home"); // of the list: not in the file
  await expect(page.getByLabel("Column for Tags")).toHaveValue("");
  await settle(page);
  await sendByKeyboard(page, "magasins.xlsx");
  await expect(result(page, "New")).toHaveText(String(expected.shops));

  await bringByKeyboard(page, join(folder, "visites.csv"), "Bring another file");
  await sendByKeyboard(page, "visites.csv");
  await expect(result(page, "Accepted")).toHaveText(String(expected.visits));

  // The same again: its columns are remembered, and nothing counts twice.
  await bringByKeyboard(page, join(folder, "magasins.xlsx"), "Bring another file");
  await expect(page.getByText("Read as the last file with these columns.")).toBeVisible();
  await expect(page.getByText("Tags", { exact: true })).toBeHidden();
  await sendByKeyboard(page, "magasins.xlsx");
  await expect(result(page, "Unchanged")).toHaveText(String(expected.shops));

  // Delete the visits.
  await page.goto(`/a/${application}/data`);
  await settle(page);
  await tabTo(page, /, \d\d:\d\d/, "link");
  await page.keyboard.press("Enter");
  await tabTo(page, "Delete this file");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await expectAccessible(page);
  await tabTo(page, "Delete");
  await page.keyboard.press("Enter");
  await expect(page.getByText("The file was deleted.")).toBeVisible();
  await expect(page.getByText("No events have been sent yet.")).toBeVisible();
});

test("a reader sees why no files can be brought", async ({ page, server }) => {
  const application = await createApplication(page.request, server.url);
  const reader = { login: `reader-${application}@okube.example`, password: "a-password-of-a-reader" };
  const created = await page.request.post(`/applications/${application}/users`, {
    data: { ...reader, role: "reader" },
    headers: { Origin: server.url },
  });
  expect(created.ok()).toBe(true);
  await logIn(page.request, server.url, reader.login, reader.password);
  await page.goto(`/a/${application}/data`);
  await expect(page.getByText("Your role is to read only.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Choose files" })).toHaveCount(0);
  await expectAccessible(page);
});

test("on a phone, in French, in the dark", async ({ page, server }, info) => {
  const folder = info.outputPath("files");
  writeFiles(folder);
  const application = await createApplication(page.request, server.url);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.addInitScript(() => {
    localStorage.setItem("okube.language", "fr");
  });
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`/a/${application}/data`);
  await settle(page);
  await expectNoOverflow(page);
  await dropFiles(page, join(folder, "campagnes.xlsx"));
  await expect(page.getByLabel("Colonne pour Coût", { exact: true })).toHaveValue("Coût HT");
  await page.getByRole("button", { name: "Essayer" }).click();
  await expect(page.getByText("Les 2 lignes essayées sont toutes bonnes.")).toBeVisible();
  await expectNoOverflow(page);
  await expectAccessible(page);
  await page.getByRole("button", { name: /^Envoyer tout le fichier/ }).click();
  await expect(page.getByRole("heading", { name: "campagnes.xlsx est arrivé" })).toBeVisible();
  await expectNoOverflow(page);
  await expectAccessible(page);
});

async function bringByKeyboard(page: Page, path: string, button: string): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await tabTo(page, button);
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(path);
  await expect(page.getByRole("heading", { name: basename(path), exact: true })).toBeVisible();
  await settle(page);
}

async function sendByKeyboard(page: Page, name: string): Promise<void> {
  const send = page.getByRole("button", { name: /^Send the whole file/ });
  await expect(send).toBeEnabled();
  await tabTo(page, (await send.textContent()) ?? "");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: `${name} is in` })).toBeFocused();
}
