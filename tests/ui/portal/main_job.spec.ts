// Whole recoveries in Chromium against a running service: who and where comes from the
// environment (tests/src/lab/browser.rs), the code from the mailbox, the truth from nobody but
// the page; the story that started this looks into the directory itself.
import { expect, test, type Page } from "@playwright/test";

import { holds } from "../support/checks";

interface Person {
  user_id: string;
  email: string;
  password: string;
}

interface Mail {
  text: string;
}

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; the stories of tests/tests/portal_*.rs set it`);
  return value;
}

const portal = given("REGAIN_PORTAL");
const mailbox = given("REGAIN_MAILBOX");
const people = JSON.parse(given("REGAIN_PEOPLE")) as Record<"anna" | "ben" | "carla" | "dora", Person>;
const newPassword = given("REGAIN_NEW_PASSWORD");

// What is half faded in has no contrast to measure.
test.use({ contextOptions: { reducedMotion: "reduce" } });

/** The mails that somebody has. */
async function mails(person: Person): Promise<Mail[]> {
  const answer = await fetch(`${mailbox}/messages?to=${encodeURIComponent(person.email)}`);
  return (await answer.json()) as Mail[];
}

/** From the first page to the one after the gate. */
async function throughTheGate(page: Page, person: Person, reason: RegExp): Promise<void> {
  const before = (await mails(person)).length;
  await page.goto(portal);
  await page.getByRole("button", { name: reason }).click();
  await page.getByRole("textbox").fill(person.user_id);
  await page.getByRole("textbox").press("Enter");
  await page.locator('[data-page="enter-code"]').waitFor();
  await holds(page);
  await expect.poll(async () => (await mails(person)).length, { timeout: 30_000 }).toBe(before + 1);
  const code = /\b(\d{4}) (\d{4})\b/.exec((await mails(person)).at(-1)?.text ?? "");
  if (!code) throw new Error("no code in the newest mail");
  await page.getByRole("textbox").fill(`${code[1]} ${code[2]}`);
  await page.getByRole("textbox").press("Enter");
  await page.locator('[data-page="choice"]').waitFor();
  await holds(page);
}

async function typeNewPassword(page: Page): Promise<void> {
  await page.getByRole("textbox").fill(newPassword);
  await holds(page);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("heading", { name: /password is set/ })).toBeVisible({ timeout: 30_000 });
  await holds(page);
}

test("a locked person who knows the password, on a phone", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await throughTheGate(page, people.anna, /can’t sign in/);
  await page.getByRole("button", { name: /Yes, unlock my account/ }).click();
  await expect(page.getByRole("heading", { name: "Your account is unlocked" })).toBeVisible();
  await holds(page);
});

test("a forgotten password, on a desk", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await throughTheGate(page, people.ben, /can’t sign in/);
  await page.getByRole("button", { name: /set a new password/i }).click();
  await typeNewPassword(page);
});

test("another password by who knows the one there is", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await throughTheGate(page, people.dora, /can’t sign in/);
  await page.getByRole("button", { name: /Yes, and I want a new one/ }).click();
  await page.getByLabel("Password you have now", { exact: true }).fill(people.dora.password);
  await page.getByLabel("New password", { exact: true }).fill(newPassword);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("heading", { name: /password is set/ })).toBeVisible({ timeout: 30_000 });
  await holds(page);
});

test("the first day", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await throughTheGate(page, people.carla, /first day/);
  await page.getByRole("button", { name: /Set your first password/ }).click();
  await typeNewPassword(page);
});
