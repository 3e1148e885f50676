/** Every page in both schemes, both languages and on narrow screens: nothing that hinders people, nothing cut off. */
import { APPLICATION, expect, expectAccessible, expectNoOverflow, settle, test } from "./page";

const PAGES = [
  "overview",
  "explore",
  "explore?module=conversion&kpi=offlineVisitsAttributions",
  "map",
  "campaigns",
  "data",
  "manage/sites",
  "manage/pois",
  "manage/campaigns",
  "manage/levers",
  "manage/studies",
  "manage/equipments",
  "manage/users",
  "manage/keys",
  "manage/application",
];
const SETTINGS = [
  { name: "wide, light, English", locale: "en-GB", colorScheme: "light", width: 1440 },
  { name: "narrow, dark, French", locale: "fr-FR", colorScheme: "dark", width: 360 },
] as const;

for (const { name, locale, colorScheme, width } of SETTINGS)
  test.describe(name, () => {
    test.use({ locale, colorScheme, viewport: { width, height: 900 } });

    for (const path of PAGES)
      test(path, async ({ page }, testInfo) => {
        await page.goto(`/a/${APPLICATION}/${path}`);
        await settle(page);
        await expect(page.locator("html")).toHaveAttribute("lang", locale.slice(0, 2));
        await expect(page.locator("html")).toHaveAttribute("data-theme", colorScheme);
        await testInfo.attach("screenshot", {
          body: await page.screenshot({ fullPage: true }),
          contentType: "image/png",
        });
        await expectAccessible(page);
        await expectNoOverflow(page);
      });
  });
