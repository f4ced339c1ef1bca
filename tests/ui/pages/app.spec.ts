// The app's build, with the Rust side played by the test: each press is one command with the
// arguments that src-tauri/src/commands.rs names.
import { expect, test, type Page } from "@playwright/test";

import { holds } from "../support/checks";
import { FakeService, ORIGIN, start } from "../support/service";
import { changePassword, choice, done, ended, enterCode, newPassword } from "../support/views";

interface Rust {
  calls: [string, unknown][];
  answers: Record<string, unknown[]>;
}

/** The Rust side: answers each command in turn, and keeps what it was asked. */
function play(page: Page, answers: Rust["answers"]): Promise<unknown> {
  return page.addInitScript((given) => {
    const rust = { calls: [] as [string, unknown][], answers: given };
    const invoke = (command: string, values: unknown) => {
      if (command === "watch") return new Promise(() => undefined);
      rust.calls.push([command, values]);
      const answer = rust.answers[command]?.shift() as { refused?: unknown };
      return answer.refused ? Promise.reject(answer.refused) : Promise.resolve(answer);
    };
    Object.assign(window, { rust, __TAURI_INTERNALS__: { invoke } });
  }, answers);
}

test("a change is one command with both passwords", async ({ page }) => {
  await FakeService.on(page, "app");
  const { challenge: _, ...face } = start();
  const answers: Rust["answers"] = {
    start: [
      { kind: "ready", start: face, resumed: changePassword(), device: { accepts_new_password: "unknown" }, mode: "sign-in" },
    ],
    change_password: [done("change")],
  };
  await play(page, answers);
  await page.goto(ORIGIN);
  await page.getByLabel("Password you have now", { exact: true }).fill("Nobody-knows-this-1");
  await page.getByLabel("New password", { exact: true }).fill("Three-green-lanterns");
  await page.screenshot({ path: "../../target/ui/app-change-password.png", fullPage: true });
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Your new password is set" })).toBeVisible();
  const calls = await page.evaluate(() => (window as never as { rust: Rust }).rust.calls);
  const both = { present: "Nobody-knows-this-1", password: "Three-green-lanterns" };
  expect(calls).toEqual([["start", {}], ["change_password", both]]);
});

test("each press is one command", async ({ page }) => {
  const service = await FakeService.on(page, "app");
  const { challenge: _, ...face } = start();
  const answers: Rust["answers"] = {
    start: [
      { kind: "ready", start: face, resumed: null, device: { accepts_new_password: "after-network" }, mode: "sign-in" },
    ],
    begin: [{ refused: { kind: "unreachable", why: "proxy" } }, enterCode()],
    change_user_id: [enterCode()],
    choose_method: [enterCode()],
    enter_code: [{ refused: { kind: "problem", code: "code-wrong" } }, choice("locked", ["unlock", "reset"])],
    choose_act: [newPassword()],
    set_password: [done("reset")],
    cancel: [ended("finished")],
  };
  await play(page, answers);
  await page.goto(ORIGIN);

  await expect(page.getByText("This PC accepts a new password only after")).toBeVisible();
  await holds(page, service);
  await page.screenshot({ path: "../../target/ui/app-sign-in.png" });
  await page.getByRole("button", { name: "I can’t sign in" }).click();
  await page.getByLabel("What is your user ID?").fill("rosa");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Your network’s proxy stops us");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Enter the 8 digits").fill("87654321");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("That code does not match");
  await page.getByLabel("Enter the 8 digits").fill("12345678");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "No, or I’m not sure" }).click();
  await page.getByLabel("Set a new password").fill("Three-green-lanterns");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("This PC takes it once it reaches the company network.")).toBeVisible();
  await holds(page, service);
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page.getByRole("heading", { name: "All done" })).toBeVisible();

  const calls = await page.evaluate(() => (window as never as { rust: Rust }).rust.calls);
  const draws = { methods: ["email"], stages: expect.arrayContaining(["enter-code", "ended"]) };
  const begin = ["begin", { userId: "rosa", reason: "cant-sign-in", language: "en", draws }];
  expect(calls).toEqual([
    ["start", {}],
    begin,
    begin,
    ["enter_code", { code: "87654321" }],
    ["enter_code", { code: "12345678" }],
    ["choose_act", { act: "reset" }],
    ["set_password", { password: "Three-green-lanterns" }],
    ["cancel", {}],
  ]);
});
