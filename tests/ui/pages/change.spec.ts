// A change with the present password: offered first, both typed on one page, the wrong one said
// at its field, and after the last try only a new password.
import { expect, test } from "@playwright/test";

import { holds } from "../support/checks";
import { openAt } from "../support/open";
import { changePassword, choice, done, newPassword, view } from "../support/views";

const PRESENT = "Nobody-knows-this-1";
const NEW = "Three-green-lanterns";

test("who knows the password that has run out changes it", async ({ page }) => {
  const service = await openAt(page, choice("password-expired", ["change", "reset"]));
  service
    .answer("recovery/act", changePassword())
    .answer("recovery/password", changePassword({ code: "old-password" }), done("change"));
  await expect(page.getByRole("heading", { name: "Your password has run out. Do you know it?" })).toBeVisible();
  await expect(page.getByRole("button")).toContainText([/Yes, change it/, /No, or I’m not sure/]);
  await page.getByRole("button", { name: /Yes, change it/ }).click();
  expect(service.calls("recovery/act")[0]?.body).toEqual({ act: "change" });

  const present = page.getByLabel("Password you have now", { exact: true });
  const fresh = page.getByLabel("New password", { exact: true });
  await expect(present).toBeFocused();
  await expect(present).toHaveAttribute("autocomplete", "current-password");
  await expect(fresh).toHaveAttribute("autocomplete", "new-password");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("link", { name: "Enter the password you have now" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Enter a new password" })).toBeVisible();
  await present.fill(NEW);
  await fresh.fill(NEW);
  await page.keyboard.press("Enter");
  await expect(fresh).toHaveAccessibleDescription(/Choose one that is not the one you have now/);
  await holds(page, service);
  expect(service.calls("recovery/password")).toEqual([]);

  await present.fill("Not-the-password-9");
  await page.keyboard.press("Enter");
  const wrong = "That is not the password you have now. One more try.";
  await expect(page.getByRole("link", { name: wrong })).toBeVisible();
  await expect(present).toHaveAccessibleDescription(wrong);
  await expect(present).toHaveAttribute("aria-invalid", "true");
  await expect(fresh).toHaveAttribute("aria-invalid", "false");
  await expect(present).toHaveValue("");
  await holds(page, service);

  await present.fill(PRESENT);
  await fresh.fill(NEW);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("heading", { name: "Your new password is set" })).toBeVisible();
  const sent = service.calls("recovery/password");
  expect(sent).toHaveLength(2);
  for (const { body } of sent) {
    const { sealed } = body as { sealed: { ciphertext: string } };
    // Two passwords of one size each, and the tag: 2 * 1026 + 16 bytes.
    expect(Buffer.from(sealed.ciphertext, "base64url")).toHaveLength(2_068);
    expect(JSON.stringify(body)).not.toMatch(/lanterns|Nobody|Not-the/);
  }
});

test("after the last try a new password is what is left", async ({ page }) => {
  const spent = view(
    { name: "not-done", act: "change", reason: { code: "old-password" }, acts: ["reset"] },
    ["choose-act", "cancel"],
  );
  const service = await openAt(page, changePassword({ code: "old-password" }));
  service.answer("recovery/password", spent).answer("recovery/act", newPassword());
  await page.getByLabel("Password you have now", { exact: true }).fill("Not-the-password-9");
  await page.getByLabel("New password", { exact: true }).fill(NEW);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Your password is not changed" })).toBeVisible();
  await holds(page, service);
  await page.getByRole("button", { name: "Set a new password" }).click();
  await expect(page.getByLabel("Set a new password")).toBeVisible();
});

test("both can be shown, each by a button of its own", async ({ page }) => {
  await openAt(page, changePassword());
  const present = page.getByLabel("Password you have now", { exact: true });
  const fresh = page.getByLabel("New password", { exact: true });
  await page.getByRole("button", { name: "Show password: Password you have now" }).click();
  await expect(present).toHaveAttribute("type", "text");
  await expect(fresh).toHaveAttribute("type", "password");
  await page.getByRole("button", { name: "Show password: New password" }).click();
  await expect(fresh).toHaveAttribute("type", "text");
});
