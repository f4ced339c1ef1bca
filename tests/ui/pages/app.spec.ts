// The app's build, with the Rust side played by the test: each press is one command with the
// arguments that src-tauri/src/commands.rs names.
import { expect, test, type Page } from "@playwright/test";

import { holds, noSidewaysScroll } from "../support/checks";
import { FakeService, ORIGIN, start } from "../support/service";
import { changePassword, choice, done, enterCode, newPassword } from "../support/views";

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

/** What the app says before the pages run. */
function onTheSignInScreen(page: Page, hosted: { userId: string; firstDay: boolean }): Promise<unknown> {
  return page.addInitScript((given) => Object.assign(window, { regainHosted: given }), hosted);
}

test("a change is one command with both passwords", async ({ page }) => {
  await FakeService.on(page, "app");
  const { challenge: _, ...face } = start();
  const answers: Rust["answers"] = {
    start: [
      { kind: "ready", start: face, resumed: changePassword(), mode: "desktop" },
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
      { kind: "ready", start: face, resumed: null, mode: "sign-in" },
    ],
    accepts_new_password: ["after-network", "after-network"],
    begin: [{ refused: { kind: "unreachable", why: "proxy" } }, enterCode()],
    change_user_id: [enterCode()],
    choose_method: [enterCode()],
    enter_code: [{ refused: { kind: "problem", code: "code-wrong" } }, choice("locked", ["unlock", "reset"])],
    choose_act: [newPassword()],
    set_password: [done("reset")],
    leave: [{}],
  };
  await onTheSignInScreen(page, { userId: "rosa", firstDay: false });
  await play(page, answers);
  await page.goto(ORIGIN);

  await expect(page.getByText("This PC accepts a new password only after")).toBeVisible();
  await holds(page, service);
  await page.screenshot({ path: "../../target/ui/app-sign-in.png" });
  await page.getByRole("button", { name: "I can’t sign in" }).click();
  // Known to this PC: only confirmed.
  await expect(page.getByLabel("Is this your user ID?")).toHaveValue("rosa");
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
  await expect(page.getByRole("button", { name: "Back to sign-in" })).toBeHidden();
  await page.getByRole("button", { name: "Finish" }).click();

  const calls = await page.evaluate(() => (window as never as { rust: Rust }).rust.calls);
  const draws = { methods: ["email"], stages: expect.arrayContaining(["enter-code", "ended"]) };
  const begin = ["begin", { userId: "rosa", reason: "cant-sign-in", language: "en", draws }];
  expect(calls).toEqual([
    ["accepts_new_password", { connect: false }],
    ["start", {}],
    begin,
    begin,
    ["enter_code", { code: "87654321" }],
    ["enter_code", { code: "12345678" }],
    ["choose_act", { act: "reset" }],
    ["set_password", { password: "Three-green-lanterns" }],
    ["accepts_new_password", { connect: true }],
    ["leave", {}],
  ]);
});

test("the sign-in screen can be gone back to before the network has answered", async ({ page }) => {
  const service = await FakeService.on(page, "app");
  const { challenge: _, ...face } = start();
  await onTheSignInScreen(page, { userId: "", firstDay: true });
  await play(page, {
    start: [{ kind: "unreachable", why: "offline", help: null, tenant: face.tenant }],
    accepts_new_password: ["only-on-network"],
    leave: [{}],
  });
  await page.goto(ORIGIN);
  await expect(page.getByRole("heading", { name: "This device is not online" })).toBeVisible();
  // The tenant's, from what the host keeps.
  await expect(page.locator(".top__tenant")).toContainText(face.tenant.name);
  await holds(page, service);
  await page.screenshot({ path: "../../target/ui/app-sign-in-offline.png" });
  await page.getByRole("button", { name: "Back to sign-in" }).click();
  const calls = await page.evaluate(() => (window as never as { rust: Rust }).rust.calls);
  expect(calls.at(-1)).toEqual(["leave", {}]);
});

test("a first day from the sign-in screen begins at the user ID, with what this PC needs first", async ({ page }) => {
  const service = await FakeService.on(page, "app");
  const { challenge: _, ...face } = start();
  await onTheSignInScreen(page, { userId: "", firstDay: true });
  await play(page, {
    start: [{ kind: "ready", start: face, resumed: null, mode: "sign-in" }],
    accepts_new_password: ["only-on-network"],
  });
  await page.goto(ORIGIN);
  await expect(page.getByLabel("What is your user ID?")).toBeVisible();
  await expect(page.getByText("This PC accepts a new password only after")).toBeVisible();
  await expect(page.getByText("You find it in the welcome letter")).toBeVisible();
  await holds(page, service);
});

// What only the sign-in screen shows, in every look.
test("the pages of the sign-in screen, narrow, wide and large", async ({ page }) => {
  const service = await FakeService.on(page, "app");
  const { challenge: _, ...face } = start();
  const ready = { kind: "ready", start: face, resumed: null, mode: "sign-in" };
  const offline = { kind: "unreachable", why: "offline", help: face.tenant.help, tenant: face.tenant };
  const resumed = { ...ready, resumed: done("reset") };
  await onTheSignInScreen(page, { userId: "rosa", firstDay: false });
  await page.emulateMedia({ reducedMotion: "reduce" });

  const pages = [
    { name: "start", start: ready, wait: "This PC accepts a new password only after" },
    { name: "user-id", start: ready, wait: "This PC accepts a new password only after", press: "I can’t sign in" },
    { name: "offline", start: offline, wait: "This device is not online" },
    { name: "done", start: resumed, wait: "This PC takes it once it reaches the company network." },
  ];
  for (const { name, start: started, wait, press } of pages) {
    await play(page, { start: [started], accepts_new_password: Array(4).fill("after-network") });
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(ORIGIN);
    await expect(page.getByText(wait)).toBeVisible();
    if (press !== undefined) await page.getByRole("button", { name: press }).click();
    // Dark, whatever the system says, like the screen around it.
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      await holds(page, service);
      await page.screenshot({ path: `../../target/ui/app-${name}-${width}.png`, fullPage: true });
    }
    await page.setViewportSize({ width: 320, height: 800 });
    await page.getByRole("button", { name: "Text size" }).click();
    await page.getByRole("button", { name: "200%" }).click();
    await noSidewaysScroll(page);
    await page.screenshot({ path: `../../target/ui/app-${name}-320-200.png`, fullPage: true });
    await page.evaluate(() => sessionStorage.clear());
  }
});
