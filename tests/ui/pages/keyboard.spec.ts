// A whole unlock and a whole reset without a mouse.
import { expect, test, type Page } from "@playwright/test";

import { FakeService, ORIGIN } from "../support/service";
import { choice, chooseMethod, done, ended, enterCode, newPassword } from "../support/views";

/** Tabs on until the focus is there; a ring must be seen on the way. */
async function tabTo(page: Page, role: "button" | "textbox", name: RegExp): Promise<void> {
  const target = page.getByRole(role, { name });
  for (let press = 0; press < 25; press++) {
    if (await target.evaluate((element) => element === document.activeElement)) {
      const ring = await target.evaluate((element) => getComputedStyle(element).outlineWidth);
      expect(ring).toBe("3px");
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not reach ${name}`);
}

test("unlock, then a new password", async ({ page }) => {
  const service = await FakeService.on(page);
  service
    .answer("recoveries", chooseMethod)
    .answer("recovery/method", enterCode())
    .answer("recovery/code", choice("locked", ["unlock", "reset"]))
    .answer("recovery/act", done("unlock", true), newPassword())
    .answer("recovery/password", done("reset"))
    .answer("recovery/cancel", ended("finished"));
  await page.goto(ORIGIN);

  await tabTo(page, "button", /I can’t sign in/);
  await page.keyboard.press("Enter");
  await tabTo(page, "textbox", /What is your user ID/);
  await page.keyboard.type("rosa@northwind.example");
  await page.keyboard.press("Enter");

  const way = /Send a code to the mail address starting with r, at a domain starting with e/;
  await tabTo(page, "button", way);
  await page.keyboard.press("Space");

  await expect(page.getByRole("textbox")).toBeFocused();
  await page.keyboard.type("12345678");
  await page.keyboard.press("Enter");

  await expect(page.getByRole("heading", { name: /Your account is locked/ })).toBeFocused();
  await tabTo(page, "button", /Yes, unlock my account/);
  await page.keyboard.press("Enter");

  await expect(page.getByRole("heading", { name: "Your account is unlocked" })).toBeFocused();
  await tabTo(page, "button", /It still doesn’t work: set a new password/);
  await page.keyboard.press("Enter");

  await expect(page.getByRole("textbox")).toBeFocused();
  await page.keyboard.type("Three-green-lanterns");
  await tabTo(page, "button", /Set password/);
  await page.keyboard.press("Enter");

  await expect(page.getByRole("heading", { name: "Your new password is set" })).toBeFocused();
  await tabTo(page, "button", /Finish/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "All done" })).toBeFocused();
  expect(service.faults).toEqual([]);
});

test("the settings at the top", async ({ page }) => {
  await FakeService.on(page);
  await page.goto(ORIGIN);
  await tabTo(page, "button", /^Text size/);
  await page.keyboard.press("Enter");
  await tabTo(page, "button", /^200/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Text size" })).toBeFocused();
  await expect(page.locator("html")).toHaveCSS("font-size", "32px");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Text size" })).toHaveAttribute("aria-expanded", "false");
});

test("a mistyped user ID is mended", async ({ page }) => {
  const service = await FakeService.on(page);
  service.answer("recoveries", enterCode()).answer("recovery/user-id", enterCode());
  await page.goto(ORIGIN);
  await tabTo(page, "button", /I can’t sign in/);
  await page.keyboard.press("Enter");
  await page.keyboard.type("rosa@northwnd.example");
  await page.keyboard.press("Enter");
  await tabTo(page, "button", /Change the user ID/);
  await page.keyboard.press("Enter");
  const field = page.getByRole("textbox", { name: /What is your user ID/ });
  await expect(field).toBeFocused();
  await field.fill("rosa@northwind.example");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("textbox", { name: /Enter the 8 digits/ })).toBeFocused();
  expect(service.calls("recovery/user-id")[0]?.body).toEqual({ user_id: "rosa@northwind.example" });
});
