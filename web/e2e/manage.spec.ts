import type { APIRequestContext, Page } from "@playwright/test";

import { APPLICATION, expect, expectAccessible, expectNoOverflow, LOGIN, PASSWORD, settle, tabTo, test } from "./page";

const READER_PASSWORD = "lanterns-over-the-quay-7";

test.describe.configure({ mode: "default" });

function uniqueName(prefix: string): string {
  return `${prefix}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 6)}`;
}

/** Log in by the API; return the headers of the token. */
async function authorize(request: APIRequestContext): Promise<Record<string, string>> {
  const answer = await request.post("/auth/login", { data: { login: LOGIN, password: PASSWORD } });
  const { auth } = (await answer.json()) as { auth: { token: string } };
  return { Authorization: `Bearer ${auth.token}` };
}

/** Save the form, and wait until it is saved. */
async function save(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
}

// The lists are in everywhere.spec.ts.
test("forms are accessible in the dark, and as wide as a phone", async ({ page }) => {
  test.setTimeout(120_000);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 360, height: 740 });
  for (const item of ["sites/new", "campaigns/new", "users/new", "application", "sites"]) {
    await page.goto(`/a/${APPLICATION}/manage/${item}`);
    await settle(page);
    await expectAccessible(page);
    await expectNoOverflow(page);
  }
});

test.describe("with what the server refuses", () => {
  test.use({ expectedFailures: [`/applications/${APPLICATION}/sites`] });

  test("create, edit and delete a site", async ({ page }) => {
    const key = uniqueName("site");
    await page.goto(`/a/${APPLICATION}/manage/sites`);
    await page.getByRole("link", { name: "New site" }).click();

    await page.getByLabel("Key", { exact: true }).fill(key);
    await page.getByLabel("Latitude").fill("95");
    await page.getByLabel("Longitude").fill("4.83");
    await page.getByLabel("Monday").fill("19:00-14:00");
    await page.getByRole("button", { name: "Create" }).click();
    await expect(page.getByText("Nothing was saved")).toBeVisible();
    await expect(page.getByLabel("Name *", { exact: true }).first()).toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Latitude")).toHaveAttribute("aria-invalid", "true");
    await expectAccessible(page);

    await page.getByLabel("Name *", { exact: true }).first().fill("Shop of a browser test");
    await page.getByLabel("Latitude").fill("45.764, 4.8357"); // as maps on the web copy it
    await expect(page.getByLabel("Longitude")).toHaveValue("4.8357");
    await page.getByLabel("Monday").fill("9h-12h30, 14:00-19:00");
    await page.getByRole("button", { name: "Tuesday to Saturday like Monday" }).click();
    await page.getByLabel("City", { exact: true }).fill("Lyon");
    const tags = page.getByRole("textbox", { name: "Tags" }).or(page.getByRole("combobox", { name: "Tags" }));
    await tags.fill("flagship");
    await tags.press("Enter");
    await page.getByRole("button", { name: "Add (attributes)" }).click();
    const attribute = page.getByRole("group", { name: "Attributes 1" });
    await attribute.getByLabel("Name").fill("region");
    await attribute.getByLabel("Value").fill("Rhône");
    await page.getByRole("button", { name: "Create" }).click();
    await expect(page.getByText("Created.")).toBeVisible();
    await expect(page).toHaveURL(/\/manage\/sites\/[0-9a-f]{24}/);
    await expect(page.getByLabel("Saturday")).toHaveValue("09:00-12:30, 14:00-19:00");
    await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();

    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await page.getByLabel("Capacity").fill("80");
    await save(page);
    expect((await sent).postDataJSON()).toEqual({ capacity: 80 });
    expect((await sent).headers()["if-match"]).toBeTruthy();

    await page.getByRole("button", { name: "Delete the site" }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toContainText("make it inactive instead");
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Delete the site" }).click();
    await expect(page.getByText("Deleted.")).toBeVisible();
    await page.getByLabel("Search").fill(key);
    await expect(page.getByText("0 sites")).toBeVisible();
  });

  test("do not overwrite what somebody else has changed", async ({ page }) => {
    const headers = await authorize(page.request);
    const created = await page.request.post(`/applications/${APPLICATION}/sites`, {
      data: { name: "Shop of two people", key: uniqueName("two"), online: true },
      headers,
    });
    const { _id } = (await created.json()) as { _id: string };
    await page.goto(`/a/${APPLICATION}/manage/sites/${_id}`);
    await page.getByLabel("Capacity").fill("50");
    await page.request.patch(`/sites/${_id}`, { data: { type: "outlet" }, headers });

    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Somebody else has changed this")).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Reload, and keep my changes" }).click();
    await expect(page.getByLabel("Type", { exact: true })).toHaveValue("outlet");
    await expect(page.getByLabel("Capacity")).toHaveValue("50");
    await save(page);
    const stored = (await (await page.request.get(`/sites/${_id}`, { headers })).json()) as Record<string, unknown>;
    expect(stored).toMatchObject({ type: "outlet", capacity: 50 });
    await page.request.delete(`/sites/${_id}`, { headers });
  });
});

test.describe("with a cost that is refused", () => {
  test.use({ expectedFailures: [`/applications/${APPLICATION}/campaigns`] });

  test("create a campaign with costs and sites, change a cost, delete it", async ({ page }) => {
    const key = uniqueName("campaign");
    await page.goto(`/a/${APPLICATION}/manage/campaigns/new`);
    await page.getByLabel("Name", { exact: true }).first().fill("Autumn of a browser test");
    await page.getByLabel("Key *", { exact: true }).fill(key);
    await page.getByLabel("First day").fill("2026-09-01");
    await page.getByLabel("Last day").fill("2026-09-30");
    await page.getByLabel("Provider", { exact: true }).fill("Mediaquai");
    await page.getByLabel("Format", { exact: true }).fill("banner");
    await page.getByRole("button", { name: "Add (costs)" }).click();
    const cost = page.getByRole("group", { name: "Costs 1" });
    await cost.getByLabel("Amount").fill("much");
    await page.getByRole("button", { name: "Add (costs)" }).click();
    const second = page.getByRole("group", { name: "Costs 2" });
    await second.getByLabel("Amount").fill("4,5");
    await second.getByLabel("For").selectOption("cpm");
    await page.getByRole("button", { name: "Choose" }).click();
    await page.getByLabel("Search (sites)").fill("lyon");
    await page.getByLabel("Maison Lumen Lyon").check();
    await page.getByRole("button", { name: "Create" }).click();
    await expect(cost.getByLabel("Amount")).toHaveAttribute("aria-invalid", "true");
    await expect(cost.getByRole("alert")).toBeVisible();
    await expect(second.getByRole("alert")).toHaveCount(0);

    await cost.getByLabel("Amount").fill("1 500");
    await page.getByRole("button", { name: "Create" }).click();
    await expect(page.getByText("Created.")).toBeVisible();
    await expect(page.getByText("Lever: Display")).toBeVisible();
    await expect(page.getByText("Maison Lumen Lyon")).toBeVisible();

    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await page.getByRole("group", { name: "Costs 1" }).getByLabel("To").fill("2026-09-15");
    await save(page);
    expect((await sent).postDataJSON()).toEqual({
      costs: [
        { amount: 1500, type: "fixed", to: "2026-09-15", currency: "EUR" },
        { amount: 4.5, type: "cpm", currency: "EUR" },
      ],
    });
    await page.getByRole("button", { name: "Delete the campaign" }).click();
    await expect(page.getByRole("dialog")).toContainText("2 costs are deleted with it.");
    await page.getByRole("dialog").getByRole("button", { name: "Delete the campaign" }).click();
    await expect(page.getByText("Deleted.")).toBeVisible();
  });
});

test("create a POI with the map, and change its radius there", async ({ page }) => {
  await page.goto(`/a/${APPLICATION}/manage/pois/new`);
  const name = uniqueName("Corner");
  await page.getByLabel("Name *", { exact: true }).first().fill(name);
  const map = page.getByRole("region", { name: "Map of the place" });
  await expect(map.locator("canvas")).toBeVisible();
  await settle(page); // the map moves to the places that are known
  await map.click({ position: { x: 200, y: 150 } });
  await expect(page.getByLabel("Latitude")).not.toHaveValue("");
  const grip = map.getByTitle("Radius");
  await expect(grip).toBeVisible();
  const box = await grip.boundingBox();
  if (!box) throw new Error("no grip");
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + 40, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  await expect(page.getByLabel("Radius in metres")).not.toHaveValue("");
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByText("Created.")).toBeVisible();
  await page.getByRole("button", { name: "Delete the point of interest" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the point of interest" }).click();
  await expect(page.getByText("Deleted.")).toBeVisible();
});

test("create an API key, see its token once, revoke it", async ({ page }) => {
  const name = uniqueName("nightly import");
  await page.goto(`/a/${APPLICATION}/manage/keys`);
  await page.getByRole("link", { name: "New API key" }).click();
  await page.getByLabel("Name *", { exact: true }).fill(name);
  await page.getByLabel("Role").selectOption("reader");
  await page.getByLabel("Last day").fill("2099-12-31");
  await page.getByLabel(/^Maison Lumen/).check();
  await page.getByRole("button", { name: "Create" }).click();
  const dialog = page.getByRole("dialog");
  const token = await dialog.getByLabel("API key").inputValue();
  expect(token.length).toBeGreaterThan(20);
  await expectAccessible(page);
  const answer = await page.request.get("/auth/me", { headers: { Authorization: `Bearer ${token}` } });
  expect(await answer.json()).toMatchObject({ isApiKey: true, applications: [{ key: APPLICATION, role: "reader" }] });
  await dialog.locator(".dialog-body").getByRole("button", { name: "Close" }).click();

  await page.getByRole("link", { name }).click();
  await page.getByRole("button", { name: "Revoke the key" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke the key" }).click();
  await expect(page.getByText("Deleted.")).toBeVisible();
  await expect(page.getByRole("link", { name })).toHaveCount(0);
});

test("put levers into another order", async ({ page }) => {
  await page.goto(`/a/${APPLICATION}/manage/levers`);
  const rows = page.getByRole("row");
  const name = await rows.nth(1).getByRole("link").innerText(); // of any order: an interrupted test leaves another
  await page.getByRole("button", { name: `Move ${name} down` }).click();
  await expect(rows.nth(2).getByRole("link")).toHaveText(name);
  await page.getByRole("button", { name: `Move ${name} up` }).click();
  await expect(rows.nth(1).getByRole("link")).toHaveText(name);
});

test.describe("a reader", () => {
  test.use({ expectedFailures: ["/auth/me", "/auth/login"] });

  test("is invited by a link, sees everything, and can change nothing", async ({ page, browser, baseURL }) => {
    const login = `${uniqueName("reader")}@okube.example`;
    await page.goto(`/a/${APPLICATION}/manage/users`);
    await page.getByRole("link", { name: "Invite a user" }).click();
    await page.getByLabel("E-mail address").fill(login);
    await page.getByRole("button", { name: "Invite" }).click();
    const dialog = page.getByRole("dialog");
    const link = await dialog.getByLabel("Link of the invitation").inputValue();
    expect(link).toContain("/login#invitation=");
    await expectAccessible(page);
    await dialog.locator(".dialog-body").getByRole("button", { name: "Close" }).click();
    await expect(page.getByRole("row", { name: new RegExp(login) })).toContainText("Invited, until");

    const context = await browser.newContext({ ...(baseURL ? { baseURL } : {}), locale: "en-GB" });
    const reader = await context.newPage();
    await reader.goto(link);
    await expect(reader).toHaveURL(/\/login$/); // the token is not in the address
    await expectAccessible(reader);
    await reader.getByLabel("Password").fill("password1234");
    await reader.getByRole("button", { name: "Accept" }).click();
    await expect(reader.getByLabel("Password")).toHaveAttribute("aria-invalid", "true");
    await reader.getByLabel("Password").fill(READER_PASSWORD);
    await reader.getByRole("button", { name: "Accept" }).click();
    await reader.getByLabel("E-mail address").fill(login);
    await reader.getByLabel("Password").fill(READER_PASSWORD);
    await reader.getByRole("button", { name: "Log in" }).click();
    await expect(reader).toHaveURL(new RegExp(`/a/${APPLICATION}/overview`));

    await reader.getByRole("link", { name: "Manage" }).click();
    await expect(reader.getByText("your role does not allow changes")).toBeVisible();
    await expect(reader.getByRole("link", { name: "New site" })).toHaveCount(0);
    await reader.getByLabel("Search").fill("lyon");
    await reader.getByRole("link", { name: "Maison Lumen Lyon" }).click();
    await expect(reader.getByLabel("Name *", { exact: true }).first()).toBeDisabled();
    await expect(reader.getByRole("button", { name: "Save" })).toHaveCount(0);
    await settle(reader);
    await expectAccessible(reader);
    await reader.goto(`/a/${APPLICATION}/manage/users`);
    await expect(reader.getByText("Only administrators of the application may see this.")).toBeVisible();

    await reader.getByRole("button", { name: /^Account/ }).click();
    await reader.getByRole("button", { name: "Change the password" }).click();
    await reader.getByLabel("Current password").fill(READER_PASSWORD);
    await reader.getByLabel("New password").fill(`${READER_PASSWORD}-again`);
    await reader.getByRole("dialog").getByRole("button", { name: "Change the password" }).click();
    await expect(reader.getByText("The password is changed.")).toBeVisible();
    await context.close();

    await page.reload();
    await page.getByRole("link", { name: login.split("@")[0] ?? "" }).click();
    await page.getByLabel("Role *").selectOption("editor");
    await save(page);
    await page.getByRole("button", { name: "Remove the user" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove the user" }).click();
    await expect(page.getByText("Deleted.")).toBeVisible();
  });
});

test("create and delete a study by the keyboard only", async ({ page }) => {
  await page.goto(`/a/${APPLICATION}/manage/studies`);
  await settle(page);
  const key = uniqueName("study");

  await tabTo(page, "New study", "link");
  await page.keyboard.press("Enter");
  await tabTo(page, /^Key/);
  await page.keyboard.type(key);
  await tabTo(page, "Choose");
  await page.keyboard.press("Enter");
  await tabTo(page, "Search (sites)");
  await page.keyboard.type("lyon");
  await expect(page.getByLabel("Maison Lumen Lyon")).toBeVisible();
  await tabTo(page, /^Maison Lumen Lyon/);
  await page.keyboard.press("Space");
  await expect(page.getByText("Sites (1)")).toBeVisible();
  await tabTo(page, "Create");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Created.")).toBeVisible();
  await tabTo(page, "Delete the study");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await tabTo(page, "Delete the study");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Deleted.")).toBeVisible();
});
