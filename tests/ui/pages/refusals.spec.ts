// What the service refuses, in words, on the page where it happened.
import { expect, test } from "@playwright/test";

import { holds } from "../support/checks";
import { openAt } from "../support/open";
import { FakeService, ORIGIN } from "../support/service";
import { choice, ended, enterCode, newPassword } from "../support/views";

const codes = [
  ["code-wrong", "That code does not match. Enter the digits from the newest mail"],
  ["code-expired", "This code has expired. Send a new one"],
] as const;

for (const [refuse, words] of codes) {
  test(refuse, async ({ page }) => {
    const service = await openAt(page, enterCode());
    service.answer("recovery/code", { refuse });
    const field = page.getByLabel("Enter the 8 digits from the mail");
    await field.pressSequentially("1234-5678");
    await expect(field).toHaveValue("1234 5678");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toBeFocused();
    await expect(page.getByRole("link", { name: words })).toBeVisible();
    await expect(field).toHaveAttribute("aria-invalid", "true");
    await expect(field).toHaveAccessibleDescription(new RegExp(words));
    await holds(page, service);
    await page.screenshot({ path: `../../target/ui/${refuse}.png` });
    expect(service.calls("recovery/code")[0]?.body).toEqual({ code: "12345678" });
  });
}

test("too few digits are not sent", async ({ page }) => {
  const service = await openAt(page, enterCode());
  await page.getByLabel("Enter the 8 digits").fill("1234");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("link", { name: "Enter the 8 digits from the mail" })).toBeVisible();
  expect(service.calls("recovery/code")).toEqual([]);
});

test("too many user IDs", async ({ page }) => {
  const service = await FakeService.on(page);
  service.answer("recoveries", { refuse: "too-many", retry_after_s: 700 });
  await page.goto(ORIGIN);
  await page.getByRole("button", { name: "I can’t sign in" }).click();
  await page.getByLabel("What is your user ID?").fill("rosa");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Try again in about 12 minutes");
  await expect(page.getByLabel("What is your user ID?")).toHaveValue("rosa");
  await holds(page, service);
});

test("the rules that a password does not meet, and the rules as it does", async ({ page }) => {
  const service = await openAt(page, newPassword());
  const field = page.getByLabel("Set a new password");
  await field.fill("rosa");
  await page.getByRole("button", { name: "Set password" }).click();
  for (const words of [
    "Make it longer: at least 12 characters",
    "Mix more kinds: 3 of ABC, abc, 123, symbols",
    "Leave out your name and your user ID",
  ]) {
    await expect(page.getByRole("link", { name: words })).toBeVisible();
  }
  await holds(page, service);
  await page.screenshot({ path: "../../target/ui/new-password-unmet.png", fullPage: true });
  expect(service.calls("recovery/password")).toEqual([]);

  await field.fill("Three-green-lanterns");
  await expect(page.locator('[data-rule][data-met="false"]')).toHaveCount(0);
  await expect(page.getByText("3 of 3 done.")).toBeAttached();
  await holds(page, service);
  await page.screenshot({ path: "../../target/ui/new-password-met.png", fullPage: true });
});

test("Show is a button with text, Caps Lock is named", async ({ page }) => {
  await openAt(page, newPassword());
  const field = page.getByLabel("Set a new password");
  await field.fill("Three-green-lanterns");
  await page.getByRole("button", { name: "Show password" }).click();
  await expect(field).toHaveAttribute("type", "text");
  await page.getByRole("button", { name: "Hide password" }).click();
  await expect(field).toHaveAttribute("type", "password");
  await field.dispatchEvent("keydown", { key: "A", code: "KeyA", modifierCapsLock: true });
  await expect(page.getByText("Caps Lock is on.")).toBeVisible();
});

test("a stage that changed meanwhile is drawn again", async ({ page }) => {
  const service = await openAt(page, choice("locked", ["unlock", "reset"]));
  service.answer("recovery/act", { refuse: "wrong-stage" }).stands(ended("replaced"));
  await page.getByRole("button", { name: "Yes, unlock my account" }).click();
  await expect(page.getByRole("heading", { name: "This went on somewhere else" })).toBeVisible();
});

test("a token that is not known any more", async ({ page }) => {
  const service = await openAt(page, choice("locked", ["unlock", "reset"]));
  service.answer("recovery/act", { refuse: "token-unknown" });
  await page.getByRole("button", { name: "Yes, unlock my account" }).click();
  await expect(page.getByRole("heading", { name: "This page is out of date" })).toBeVisible();
  await holds(page, service);
  await page.getByRole("button", { name: "Start again" }).click();
  await expect(page.getByRole("heading", { name: "What do you need help with?" })).toBeVisible();
});

test("a stage newer than these pages is drawn in its plain words", async ({ page }) => {
  const view = { ...choice("locked", []), stage: { name: "answer-questions" } } as never as ReturnType<typeof enterCode>;
  const service = await FakeService.on(page);
  service.stands({ ...view, plain: { title: "Answer at the desk", text: "Go to the desk.", action: "cancel" } });
  service.answer("recovery/cancel", ended("cancelled"));
  await page.addInitScript(() => sessionStorage.setItem("regain.token", "token-0"));
  await page.goto(ORIGIN);
  await expect(page.getByRole("heading", { name: "Answer at the desk" })).toBeVisible();
  await holds(page, service);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("heading", { name: "Stopped" })).toBeVisible();
});
