import { APPLICATION, expect, expectAccessible, settle, test } from "./page";

test("save a view, share it, open it from its link, delete it", async ({ page, context }) => {
  await page.goto(`/a/${APPLICATION}/overview?period=last-month&compare=previousMonth&f.sites=lyon`);
  await settle(page);
  await page.getByRole("button", { name: "Views" }).click();
  const dialog = page.getByRole("dialog");
  await expectAccessible(page);
  await dialog.getByLabel("Name").fill("Lyon, month by month");
  await dialog.getByLabel("For everybody who uses this application").check();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByRole("link", { name: "Lyon, month by month" })).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();

  const other = await context.newPage();
  await other.goto("/");
  await other.getByRole("button", { name: "Views" }).click();
  await other.getByRole("link", { name: "Lyon, month by month" }).click();
  await expect(other).toHaveURL(/overview\?period=last-month&compare=previousMonth&f\.sites=lyon$/);
  await expect(other.getByLabel("Period", { exact: true })).toHaveValue("last-month");

  await other.getByRole("button", { name: "Views" }).click();
  await other.getByRole("button", { name: "Delete Lyon, month by month" }).click();
  await expect(other.getByRole("link", { name: "Lyon, month by month" })).toHaveCount(0);
});
