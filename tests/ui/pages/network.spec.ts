// A network at its worst: lost answers are repeated, not lost; nothing is done twice.
import { expect, test } from "@playwright/test";

import { openAt } from "../support/open";
import { FakeService, ORIGIN } from "../support/service";
import { checking, choice, done, enterCode, newPassword, recipients, working } from "../support/views";

test("a lost answer is asked for again with the same key and token", async ({ page }) => {
  const service = await openAt(page, enterCode());
  service.answer("recovery/code", "lost", "lost", checking).stands(checking);
  await page.getByLabel("Enter the 8 digits").fill("12345678");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "We are looking at your account" })).toBeVisible();
  const calls = service.calls("recovery/code");
  expect(calls).toHaveLength(3);
  expect(new Set(calls.map(({ key, token }) => `${key} ${token}`)).size).toBe(1);
});

/** Lets every repetition of a lost press pass. */
const lostForGood = ["lost", "lost", "lost", "lost", "lost", "lost"] as const;

test("a press whose answer stays lost is the same press when it is pressed again", async ({ page }) => {
  await page.clock.install();
  const service = await openAt(page, enterCode());
  service.answer("recovery/code", ...lostForGood, choice("locked", ["unlock", "reset"]));
  await page.getByLabel("Enter the 8 digits").fill("12345678");
  await page.keyboard.press("Enter");
  await expect
    .poll(async () => {
      await page.clock.runFor(2_000);
      return service.calls("recovery/code").length;
    })
    .toBe(lostForGood.length);
  await expect(page.getByText("Our service does not answer.").first()).toBeVisible();
  await page.getByLabel("Enter the 8 digits").press("Enter");
  await expect(page.getByRole("heading", { name: "Your account is locked" })).toBeVisible();
  const calls = service.calls("recovery/code");
  expect(calls).toHaveLength(7);
  expect(new Set(calls.map(({ key, token }) => `${key} ${token}`)).size).toBe(1);
});

test("of two passwords the first one counts, and the page says so", async ({ page }) => {
  await page.clock.install();
  const service = await openAt(page, newPassword());
  service.answer("recovery/password", ...lostForGood, done("reset"));
  await page.getByLabel("Set a new password").fill("Three-green-lanterns");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect
    .poll(async () => {
      await page.clock.runFor(2_000);
      return service.calls("recovery/password").length;
    })
    .toBe(lostForGood.length);
  await expect(page.getByText("Our service does not answer.").first()).toBeVisible();
  // It happened: the token is good no more.
  service.answer("recovery", { refuse: "token-unknown" });
  await page.getByLabel("Set a new password").fill("Four-green-lanterns");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("The password that you typed first is the one that counts").first()).toBeVisible();
  await page.screenshot({ path: "../../target/ui/done-earlier-password.png" });
  const calls = service.calls("recovery/password");
  expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
  expect(JSON.stringify(service.exchanges)).not.toContain("green-lanterns");
});

test("a key pressed after a lost answer fetches it instead of calling the page out of date", async ({ page }) => {
  await page.clock.install();
  const service = await openAt(page, choice("locked", ["unlock", "reset"]));
  service.answer("recovery/act", ...lostForGood, done("unlock"));
  await page.getByRole("button", { name: "Unlock my account" }).click();
  await expect
    .poll(async () => {
      await page.clock.runFor(2_000);
      return service.calls("recovery/act").length;
    })
    .toBe(lostForGood.length);
  await expect(page.getByText("Our service does not answer.").first()).toBeVisible();
  // It happened: the token is good no more. A minute later somebody touches the keyboard.
  service.answer("recovery", { refuse: "token-unknown" });
  await page.clock.runFor(61_000);
  await page.keyboard.press("Shift");
  await expect(page.getByRole("heading", { name: "Your account is unlocked" })).toBeVisible();
  expect(new Set(service.calls("recovery/act").map(({ key }) => key)).size).toBe(1);
});

test("each press has a key of its own, and the newest token", async ({ page }) => {
  const service = await openAt(page, enterCode({ send_again_in_s: 0 }));
  service.answer("recovery/method", enterCode({ send_again_in_s: 0 }), enterCode());
  const again = page.getByRole("button", { name: "Send it again" });
  await again.click();
  await expect(page.getByText("A new code is on its way. Only the newest works.")).toBeVisible();
  await again.click();
  await expect(page.getByText(/Send it again in \d+ seconds/)).toBeVisible();
  const [first, second] = service.calls("recovery/method");
  expect(first?.key).toMatch(/^[0-9a-f]{32}$/);
  expect(second?.key).not.toBe(first?.key);
  expect(first?.token).toBe("token-0");
  expect(second?.token).not.toBe("token-0");
});

test("recipients that changed are sealed for again, without a question", async ({ page }) => {
  const service = await openAt(page, newPassword());
  service
    .answer("recovery/password", { refuse: "recipients-changed" }, working("reset"))
    .stands(newPassword({ recipients: { ...recipients, epoch: 2 } }));
  await page.getByLabel("Set a new password").fill("Three-green-lanterns");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("heading", { name: "We are setting your new password" })).toBeVisible();
  const [first, second] = service.calls("recovery/password");
  expect(first?.body).toMatchObject({ sealed: { version: 1, epoch: 1 } });
  expect(second?.body).toMatchObject({ sealed: { version: 1, epoch: 2 } });
  expect(second?.key).not.toBe(first?.key);
  expect(JSON.stringify(service.exchanges)).not.toContain("Three-green-lanterns");
});

test("a used-up bot check is solved anew", async ({ page }) => {
  const service = await FakeService.on(page);
  service.answer("recoveries", { refuse: "bot-check-failed" }, enterCode());
  await page.goto(ORIGIN);
  await page.getByRole("button", { name: "I can’t sign in" }).click();
  await page.getByLabel("What is your user ID?").fill(" rosa@northwind.example ");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Enter the 8 digits from the mail")).toBeFocused();
  const [, begun] = service.calls("recoveries");
  expect(begun?.body).toMatchObject({
    user_id: "rosa@northwind.example",
    reason: "cant-sign-in",
    draws: { methods: ["email"], stages: expect.arrayContaining(["new-password", "ended"]) },
    language: "en",
  });
  const { proof_of_work } = begun?.body as { proof_of_work: string };
  const proof = JSON.parse(Buffer.from(proof_of_work, "base64").toString()) as Record<string, object>;
  expect(proof.challenge).toEqual(service.start.challenge);
  expect(proof.solution).toMatchObject({ counter: expect.any(Number), derivedKey: expect.stringMatching(/^0/) });
});

test("what takes less than a moment is not drawn, what lasts is", async ({ page }) => {
  await page.clock.install();
  const service = await openAt(page, enterCode());
  // However slow this machine is: for the page, no time passes.
  await page.clock.pauseAt(Date.now() + 5_000);
  const locked = choice("locked", ["unlock", "reset"]);
  service.answer("recovery/code", checking);
  await page.route(`${ORIGIN}/api/v1/recovery?wait_s=*`, (route) => route.fulfill({ json: locked }));
  const pages = await page.evaluateHandle(() => {
    const seen: string[] = [];
    new MutationObserver(() => {
      const name = document.querySelector<HTMLElement>("[data-page]")?.dataset.page ?? "";
      if (seen.at(-1) !== name) seen.push(name);
    }).observe(document.body, { subtree: true, childList: true });
    return seen;
  });
  await page.getByLabel("Enter the 8 digits").fill("12345678");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Your account is locked" })).toBeVisible();
  expect(await pages.jsonValue()).not.toContain("checking");
});

test("a reload goes on where it was; a code is not kept", async ({ page }) => {
  const service = await openAt(page, enterCode());
  service.answer("recovery/code", choice("locked", ["unlock", "reset"]));
  await page.getByLabel("Enter the 8 digits").fill("12345678");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Your account is locked" })).toBeVisible();
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain("12345678");
  service.stands(done("unlock"));
  await page.reload();
  // The init script of the test put the first token back; the service knows its own.
  await expect(page.getByRole("heading", { name: "Your account is unlocked" })).toBeVisible();
});

test("who is quicker than the network presses once, and it is not lost", async ({ page }) => {
  const service = await FakeService.on(page);
  service.answer("recoveries", enterCode());
  let arrives = (): void => {};
  const slow = new Promise<void>((resolve) => (arrives = resolve));
  await page.route(`${ORIGIN}/api/v1/start`, async (route) => {
    await slow;
    await route.fallback();
  });
  await page.goto(ORIGIN);
  await page.getByRole("button", { name: /can’t sign in/ }).click();
  await page.getByRole("textbox").fill("anna@example.org");
  await page.getByRole("textbox").press("Enter");
  await page.getByRole("textbox").press("Enter");
  expect(service.calls("recoveries")).toHaveLength(0);
  arrives();
  await expect(page.locator('[data-page="enter-code"]')).toBeVisible();
  expect(service.calls("recoveries")).toHaveLength(1);
});
