// The pages before there is a recovery, and those for when there is no service.
import { expect, test } from "@playwright/test";

import { fewWords, holds } from "../support/checks";
import { FakeService, ORIGIN } from "../support/service";

const VARIANTS = [
  { width: 320, colorScheme: "light" },
  { width: 320, colorScheme: "dark" },
  { width: 1280, colorScheme: "light" },
  { width: 1280, colorScheme: "dark" },
] as const;

for (const { width, colorScheme } of VARIANTS) {
  test.describe(`${width} ${colorScheme}`, () => {
    test.use({ viewport: { width, height: 800 }, colorScheme, contextOptions: { reducedMotion: "reduce" } });
    const picture = (name: string) => ({ path: `../../target/ui/${name}-${width}-${colorScheme}.png`, fullPage: true });

    test("start, user ID and help", async ({ page }) => {
      const service = await FakeService.on(page);
      await page.goto(ORIGIN);
      await expect(page).toHaveTitle("What do you need help with? – Northwind Trading");
      await holds(page, service);
      await fewWords(page);
      await page.screenshot(picture("start"));

      await page.getByRole("button", { name: "It’s my first day here" }).click();
      await expect(page.getByLabel("What is your user ID?")).toBeFocused();
      await holds(page, service);
      await page.screenshot(picture("user-id"));

      await page.getByRole("button", { name: "Get help" }).click();
      await expect(page.getByRole("heading", { name: "IT service desk" })).toBeFocused();
      await expect(page.getByRole("img", { name: "QR code for https://help.northwind.example" })).toBeVisible();
      await holds(page, service);
      await page.screenshot(picture("get-help"));
      await page.getByRole("button", { name: "Back" }).click();
      await expect(page.getByRole("button", { name: "Get help" })).toBeFocused();
    });

    test("a field left empty", async ({ page }) => {
      const service = await FakeService.on(page);
      await page.goto(ORIGIN);
      await page.getByRole("button", { name: "I can’t sign in" }).click();
      await page.getByRole("button", { name: "Continue" }).click();
      const summary = page.getByRole("alert");
      await expect(summary).toBeFocused();
      await expect(page).toHaveTitle("Error: What is your user ID? – Northwind Trading");
      await holds(page, service);
      await page.screenshot(picture("user-id-error"));
      await summary.getByRole("link", { name: "Enter your user ID" }).click();
      await expect(page.getByLabel("What is your user ID?")).toBeFocused();
      expect(service.calls("recoveries")).toEqual([]);
    });

    test("the service does not answer", async ({ page }) => {
      const service = await FakeService.on(page);
      service.reachable = "no";
      await page.goto(ORIGIN);
      await expect(page.getByRole("heading", { name: "Our service does not answer" })).toBeVisible();
      await holds(page, service);
      await page.screenshot(picture("unreachable-service"));
      service.reachable = "page";
      await page.getByRole("button", { name: "Try again" }).click();
      await expect(page.getByRole("heading", { name: "This network wants you to sign in first" })).toBeVisible();
      await holds(page, service);
      await page.screenshot(picture("unreachable-captive-portal"));
      service.reachable = "yes";
      await page.getByRole("button", { name: "Try again" }).click();
      await expect(page.getByRole("heading", { name: "What do you need help with?" })).toBeVisible();
    });
  });
}
