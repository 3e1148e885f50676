import { APPLICATION, expect, expectAccessible, LOGIN, PASSWORD, test } from "./page";

test.use({ isLoggedIn: false, expectedFailures: ["/auth/me", "/auth/login"] });

test("log in, keep what was asked for, reload, log out", async ({ page }) => {
  await page.goto(`/a/${APPLICATION}/overview?period=last-week`);
  await expect(page).toHaveURL(/\/login\?next=/);
  await expectAccessible(page);

  await page.getByLabel("E-mail address").fill(LOGIN);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();

  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(new RegExp(`/a/${APPLICATION}/overview\\?period=last-week$`));
  await expect(page.getByLabel("Period", { exact: true })).toHaveValue("last-week");

  await page.reload();
  await expect(page.getByRole("navigation")).toBeVisible();
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(stored).not.toMatch(/eyJ/); // no token in storage

  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page).toHaveURL(/\/login/);
  await page.goto("/");
  await expect(page).toHaveURL(/\/login/);
});

test("log in with an API key, which is kept in memory only", async ({ page, baseURL }) => {
  const login = await page.request.post("/auth/login", { data: { login: LOGIN, password: PASSWORD } });
  const token = ((await login.json()) as { auth: { token: string } }).auth.token;
  const created = await page.request.post("/auth/keys", {
    data: { name: "of a browser test" },
    headers: { Authorization: `Bearer ${token}`, Origin: baseURL ?? "" },
  });
  expect(created.status()).toBe(201);
  const key = ((await created.json()) as { token: string }).token;

  await page.goto("/login");
  await page.getByRole("button", { name: "Use an API key instead" }).click();
  await page.getByLabel("API key").fill("nonsense");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toContainText("does not accept this key");
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(/\/a\/.*\/overview/);

  await page.reload();
  await expect(page).toHaveURL(/\/login/);
});

test("unlock an account by the captcha, without a word", async ({ page }) => {
  test.slow(); // the browser computes
  const answer = await page.request.post("/auth/login", { data: { login: LOGIN, password: PASSWORD } });
  const { auth } = (await answer.json()) as { auth: { token: string } };
  const login = `locked-${Date.now().toString(36)}@okube.example`;
  const invited = await page.request.post(`/applications/${APPLICATION}/users`, {
    data: { login, role: "reader" },
    headers: { Authorization: `Bearer ${auth.token}` },
  });
  const { token } = (await invited.json()) as { token: string };
  const password = "umbrellas-in-the-arcade-4";
  await page.request.post("/auth/invitations/accept", { data: { token, password } });
  for (let attempt = 0; attempt < 6; attempt++)
    await page.request.post("/auth/login", { data: { login, password: "not the password" } });

  await page.goto("/login");
  await page.getByLabel("E-mail address").fill(login);
  await page.getByLabel("Password").fill(password);
  const solved = page.waitForRequest((request) => (request.postData() ?? "").includes("captchaPayload"));
  await page.getByRole("button", { name: "Log in" }).click();
  await solved;
  await expect(page).toHaveURL(/\/a\/.*\/overview/, { timeout: 60_000 });
});
