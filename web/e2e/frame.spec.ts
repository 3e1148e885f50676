import { APPLICATION, expect, settle, test } from "./page";

test("the URL is the state: period, comparison and filters, back and forward", async ({ page }) => {
  await page.goto("/");
  await expect(page).toHaveURL(new RegExp(`/a/${APPLICATION}/overview$`));
  await page.getByLabel("Period", { exact: true }).selectOption("last-week");
  await page.getByLabel("Compared with").selectOption("previousPeriod");
  await expect(page).toHaveURL(/period=last-week&compare=previousPeriod/);

  await page.getByRole("button", { name: "Add a filter" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Search").fill("lyon");
  await dialog.getByLabel("Maison Lumen Lyon").check();
  await dialog.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText("Site: Maison Lumen Lyon")).toBeVisible();
  await expect(page).toHaveURL(/f\.sites=lyon/);

  await page.getByRole("link", { name: "Explore", exact: true }).click();
  await expect(page).toHaveURL(/explore\?period=last-week&compare=previousPeriod&f\.sites=lyon/);
  await page.goBack();
  await page.goBack();
  await expect(page.getByText("Site: Maison Lumen Lyon")).toHaveCount(0);
  await page.goForward();
  await expect(page.getByText("Site: Maison Lumen Lyon")).toBeVisible();

  await page.reload();
  await settle(page);
  await expect(page.getByText("Site: Maison Lumen Lyon")).toBeVisible();
  await page.getByRole("button", { name: "Remove the filter Site: Maison Lumen Lyon" }).click();
  await expect(page).not.toHaveURL(/f\.sites/);
});

test("the manual is a link at the top", async ({ page, request }) => {
  await page.goto("/");
  const link = page.getByRole("link", { name: "Manual, in a new tab" });
  await expect(link).toHaveAttribute("href", "/manual/");
  expect(await (await request.get("/manual/")).text()).toContain("<title>Okube API</title>");
});

test("choose days by the calendar", async ({ page }) => {
  await page.goto(`/a/${APPLICATION}/overview`);
  await page.getByLabel("Period", { exact: true }).selectOption("custom");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("From").fill("2026-01-01");
  await dialog.getByLabel("To").fill("2026-01-31");
  await dialog.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/period=2026-01-01\.\.2026-01-31/);
});
