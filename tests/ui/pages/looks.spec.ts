// The pages as people may need them: right to left, in German at 200 % in a window of 320 px, in
// high contrast, in the system's own forced colours, in a tenant's own colour.
import { expect, test } from "@playwright/test";

import { holds, noSidewaysScroll } from "../support/checks";
import { look, openAt } from "../support/open";
import { FakeService, ORIGIN } from "../support/service";
import { states } from "../support/views";

test.use({ contextOptions: { reducedMotion: "reduce" } });

/** One of each page. */
const pages = [
  "choose-method",
  "enter-code-help",
  "checking",
  "choice-locked",
  "choice-disabled",
  "choice-too-new",
  "choice-password-expired",
  "new-password",
  "change-password",
  "change-password-wrong",
  "new-password-refused-too-new",
  "working-long",
  "done-unlock",
  "done-reset",
  "not-done-agent-limit",
  "not-known-reset",
  "ended-replaced",
];

for (const name of pages) {
  const view = states[name];
  if (view === undefined) throw new Error(name);

  test(`${name} in Arabic`, async ({ page }) => {
    await look(page, { language: "ar" });
    const service = await openAt(page, view);
    await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
    await holds(page, service);
    await page.screenshot({ path: `../../target/ui/${name}-ar.png`, fullPage: true });
    await page.setViewportSize({ width: 320, height: 800 });
    await noSidewaysScroll(page);
  });

  test(`${name} in German, large and narrow`, async ({ page }) => {
    await page.setViewportSize({ width: 320, height: 800 });
    await look(page, { language: "de", textSize: "200" });
    const service = await openAt(page, view);
    await holds(page, service);
    await page.screenshot({ path: `../../target/ui/${name}-de.png`, fullPage: true });
  });
}

const some = ["change-password-wrong", "enter-code-help", "choice-locked", "new-password-refused-used-before", "done-unlock"];
for (const name of some) {
  test(`${name} in high contrast and in forced colours`, async ({ page }) => {
    const view = states[name];
    if (view === undefined) throw new Error(name);
    await look(page, { theme: "high" });
    const service = await openAt(page, view);
    await holds(page, service);
    await page.screenshot({ path: `../../target/ui/${name}-high.png`, fullPage: true });
    await page.emulateMedia({ forcedColors: "active" });
    await page.screenshot({ path: `../../target/ui/${name}-forced.png`, fullPage: true });
  });
}

test("what is chosen at the top is kept for the visit", async ({ page }) => {
  await FakeService.on(page);
  await page.goto(ORIGIN);
  await page.getByRole("button", { name: "Contrast" }).click();
  await page.getByRole("button", { name: "Dark" }).click();
  await page.getByRole("button", { name: "Language" }).click();
  await page.getByRole("button", { name: "Deutsch" }).click();
  await expect(page.getByRole("heading", { name: "Wobei brauchen Sie Hilfe?" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Wobei brauchen Sie Hilfe?" })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
});

for (const accent of ["#ffff66", "#000000", "#ff0000"]) {
  test(`the accent ${accent} is bent until it reads`, async ({ page }) => {
    const service = await FakeService.on(page);
    service.start.tenant.accent = accent;
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.goto(ORIGIN);
      await page.getByRole("button", { name: "I can’t sign in" }).click();
      await holds(page, service);
    }
  });
}
