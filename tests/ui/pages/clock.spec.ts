// What happens by itself as time goes by. The browser's clock is moved by hand.
import { expect, test } from "@playwright/test";

import { holds } from "../support/checks";
import { openAt } from "../support/open";
import { choice, ended, enterCode, newPassword } from "../support/views";

test.beforeEach(async ({ page }) => {
  await page.clock.install();
});

test("four idle minutes are warned of; any key goes on, by one read and no more", async ({ page }) => {
  const locked = choice("locked", ["unlock", "reset"]);
  const service = await openAt(page, locked);
  await page.clock.runFor(235_000);
  await expect(page.getByRole("alertdialog")).toBeHidden();
  await page.clock.runFor(8_000);
  const warning = page.getByRole("alertdialog", { name: "Are you still there?" });
  await expect(warning).toBeVisible();
  await expect(warning).toHaveAccessibleDescription(/about 60 seconds. Press any key to go on./);
  await holds(page, service);
  await page.screenshot({ path: "../../target/ui/still-there.png" });
  const before = service.exchanges.length;
  await page.keyboard.press("x");
  await expect(warning).toBeHidden();
  await expect.poll(() => service.exchanges.slice(before).map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET recovery",
  ]);
});

test("nobody there: the end is read and shown", async ({ page }) => {
  const service = await openAt(page, choice("locked", ["unlock", "reset"]));
  service.stands(ended("idle"));
  await page.clock.runFor(304_000);
  await expect(page.getByRole("heading", { name: "We closed this for your safety" })).toBeVisible();
});

test("who types goes on unasked", async ({ page }) => {
  const service = await openAt(page, newPassword());
  for (let minute = 0; minute < 6; minute++) {
    await page.clock.runFor(60_500);
    await page.keyboard.type("a");
    // The clock of the page is moved, that of the network is not.
    await expect.poll(() => service.calls("recovery").length).toBeGreaterThanOrEqual(minute);
  }
  await expect(page.getByRole("alertdialog")).toBeHidden();
});

test("after a minute without a code there is help, for everybody the same", async ({ page }) => {
  await openAt(page, enterCode());
  await expect(page.getByText("No code?")).toBeHidden();
  await expect(page.getByText("Send it again in 28 seconds")).toBeVisible();
  await page.clock.runFor(30_000);
  await expect(page.getByRole("button", { name: "Send it again" })).toBeVisible();
  await page.clock.runFor(30_000);
  await expect(page.getByText("No code? Check the user ID above. Look in the spam folder.")).toBeVisible();
  await page.clock.runFor(540_000);
  await expect(page.getByText("This code has expired. Send a new one.")).toBeVisible();
});

test("a shown password is covered after a minute, not lost", async ({ page }) => {
  await openAt(page, newPassword());
  const field = page.getByLabel("Set a new password");
  await field.fill("Three-green-lanterns");
  await page.getByRole("button", { name: "Show password" }).click();
  await page.clock.runFor(59_000);
  await expect(field).toHaveAttribute("type", "text");
  await page.clock.runFor(2_000);
  await expect(field).toHaveAttribute("type", "password");
  await expect(field).toHaveValue("Three-green-lanterns");
});
