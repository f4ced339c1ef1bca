// What holds on every page in every state: nothing for axe to find (no rule switched off, 7:1
// contrast switched on), no scrolling sideways, no text without words, no breach of the policy.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

import type { FakeService } from "./service";

const MOST_WORDS = 60;

export async function holds(page: Page, service?: FakeService): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .options({ rules: { "color-contrast-enhanced": { enabled: true } } })
    .analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  expect(found).toEqual([]);
  await noSidewaysScroll(page);
  await expect(page.locator("body")).not.toContainText("⟦");
  await expect(page).not.toHaveTitle(/⟦/);
  expect(service?.faults ?? []).toEqual([]);
}

export async function noSidewaysScroll(page: Page): Promise<void> {
  const { scrolled, width, wide } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const beyond = [...document.querySelectorAll<HTMLElement>("body *")].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 1 && !element.closest(".visually-hidden, [hidden]"),
    );
    return { scrolled: scrollWidth, width: clientWidth, wide: beyond.map((element) => element.className) };
  });
  expect(scrolled, `wider than the window: ${wide.join(", ")}`).toBeLessThanOrEqual(width);
}

/**
 * Words of the page itself: what was typed, whom to call, and the summary that repeats what the
 * field says are not counted.
 */
export async function fewWords(page: Page): Promise<void> {
  const words = await page.locator("[data-page]").last().evaluate((element) => {
    const copy = element.cloneNode(true) as HTMLElement;
    for (const aside of copy.querySelectorAll(".visually-hidden, .facts dd, .qr, .error-summary")) aside.remove();
    return copy.textContent?.trim().split(/\s+/).length ?? 0;
  });
  expect(words).toBeLessThanOrEqual(MOST_WORDS);
}
