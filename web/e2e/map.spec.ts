/** The map: where shops and the homes of their visitors are; the same in tables. */
import { APPLICATION, expect, expectAccessible, expectNoOverflow, settle, test } from "./page";

const MAP = `/a/${APPLICATION}/map`;
const LYON = "4.8357,45.764";

test.beforeEach(() => {
  test.slow(); // maps are drawn by the processor here
});

test("choose a site by the keyboard, read how far its visitors live, filter by it", async ({ page }) => {
  await page.goto(MAP);
  await settle(page);
  await page.getByRole("button", { name: "Maison Lumen Lyon" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/site=lyon/);
  const detail = page.getByRole("region", { name: "Maison Lumen Lyon" });
  await expect(detail).toContainText(/live within [\d.]+\sk?m/);
  await expect(detail).toContainText(/H3 cells: \d+ indoor, \d+ outdoor/);

  await detail.getByRole("button", { name: "Filter by this site" }).click();
  await expect(page).toHaveURL(/f\.sites=lyon/);
  await expect(page.getByText("Site: Maison Lumen Lyon")).toBeVisible();
  await detail.getByRole("button", { name: "Remove the filter" }).click();
  await expect(page).not.toHaveURL(/f\.sites/);

  await detail.getByRole("button", { name: "Deselect the site" }).click();
  await expect(page).not.toHaveURL(/site=/);
  await page.goBack();
  await expect(detail).toBeVisible();
});

test("click a site on the map, and point at what is there", async ({ page }) => {
  await page.goto(`${MAP}?at=${LYON},10`);
  await settle(page);
  await expect(page.getByRole("group", { name: "Legend" })).toContainText("by home area");
  const canvas = page.getByRole("region", { name: "Map of sites and homes" });
  const box = await canvas.boundingBox();
  if (!box) throw new Error("The map has no size.");
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await expect(async () => {
    await page.mouse.move(x + 40, y);
    await page.mouse.move(x, y);
    await expect(page.locator(".maplibregl-popup")).toContainText(/Maison Lumen Lyon.*Visits: \d+/s, { timeout: 1000 });
  }).toPass(); // once the sites are drawn
  await page.mouse.click(x, y);
  await expect(page).toHaveURL(/site=lyon/);
  await expect(page).not.toHaveURL(/at=/);
  await settle(page);

  await page.getByRole("button", { name: "Zoom in" }).click();
  await expect(page).toHaveURL(/at=/);
  await page.getByRole("button", { name: "Show all sites" }).click();
  await expect(page).not.toHaveURL(/at=|site=/);
});

test("home areas and points of interest are in tables, and move the map", async ({ page }) => {
  await page.goto(`${MAP}?site=lyon`);
  await settle(page);
  await page.getByRole("button", { name: "Home areas" }).click();
  const homes = page.getByRole("table", { name: "Home areas of the visitors of Maison Lumen Lyon" });
  await expect(homes).toBeVisible();
  await expect(homes.getByRole("columnheader", { name: "Distance" })).toBeVisible();
  await homes.getByRole("button", { name: /^Lyon 1/ }).click();
  await expect(page).toHaveURL(/at=[\d.,]+/);

  await page.getByRole("button", { name: "Points of interest" }).click();
  await expect(page.getByRole("button", { name: "Lyon: Market" })).toBeVisible();
  await page.getByRole("searchbox").fill("station");
  await expect(page.getByRole("button", { name: "Lyon: Market" })).toHaveCount(0);
  await page.getByRole("button", { name: "Lyon: Station" }).click();
  await expect(page).toHaveURL(/table=pois/);
  await settle(page);
  await expect(page.getByText("Indoor cells")).toBeVisible();
});

test("what is drawn and how it is coloured are in the URL", async ({ page }) => {
  await page.goto(MAP);
  await settle(page);
  await page.getByLabel("Figure of the sites").selectOption("Sales");
  await page.getByRole("button", { name: "Change", exact: true }).first().click();
  await page.getByLabel("Homes of visitors").uncheck();
  await expect(page).toHaveURL(/figure=sales.*colour=change.*hide=homes/);
  await page.reload();
  await settle(page);
  await expect(page.getByLabel("Homes of visitors")).not.toBeChecked();
  await expect(page.getByRole("group", { name: "Legend" })).toContainText("Sales: change since last year");
  await expectAccessible(page);
});

test("without WebGL, the tables have all figures", async ({ page }) => {
  await page.addInitScript(() => {
    const original = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, type: string, ...rest: unknown[]) {
      return type.startsWith("webgl") ? null : (original as (...all: unknown[]) => unknown).call(this, type, ...rest);
    } as typeof original;
  });
  await page.goto(`${MAP}?site=lyon`);
  await expect(page.getByText("This browser cannot draw the map")).toBeVisible();
  await settle(page);
  await expect(page.getByText(/live within/)).toBeVisible();
  await expect(page.getByRole("table", { name: "Sites by visits" })).toBeVisible();
  await expectAccessible(page);
  await expectNoOverflow(page);
});

for (const colorScheme of ["light", "dark"] as const)
  test(`a site on a phone, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 360, height: 800 });
    await page.goto(`${MAP}?site=lyon&table=homes`);
    await settle(page);
    await expectAccessible(page);
    await expectNoOverflow(page);
  });
